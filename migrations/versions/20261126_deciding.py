"""messages to authors, decisions in batches, featured and pinned comments, and what community managers share

Revision: 20261126de
Follows: 20261126ap
"""

import sqlalchemy as sa
from alembic import op

revision = '20261126de'
down_revision = '20261126ap'
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
TIME = sa.DateTime(timezone=True)
OPEN = sa.text('answered_at IS NULL')
BATCHED = sa.text('batch IS NOT NULL')


def foreign(table: str, column: str, to: str, *, cascades: bool = False) -> sa.ForeignKeyConstraint:
    name = op.f(f'fk_{table}_{column}_{to}')
    return sa.ForeignKeyConstraint([column], [f'{to}.id'], name=name, ondelete='CASCADE' if cascades else None)


def upgrade() -> None:
    op.add_column('decisions', sa.Column('message', sa.Text(), nullable=False, server_default=''))
    op.add_column('decisions', sa.Column('batch', sa.String(length=32), nullable=True))
    op.create_index('ix_decisions_batch', 'decisions', ['batch'], postgresql_where=BATCHED, sqlite_where=BATCHED)
    op.add_column('comments', sa.Column('featured_at', TIME, nullable=True))
    op.add_column('articles', sa.Column('pinned_id', BIG_ID, nullable=True))
    op.add_column('users', sa.Column('blur_words', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        'review_notes',
        sa.Column('id', BIG_ID, nullable=False),
        sa.Column('site_id', BIG_ID, nullable=False),
        sa.Column('comment_id', BIG_ID, nullable=False),
        sa.Column('author_id', BIG_ID, nullable=False),
        sa.Column('text', sa.Text(), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        foreign('review_notes', 'site_id', 'sites', cascades=True),
        foreign('review_notes', 'comment_id', 'comments', cascades=True),
        foreign('review_notes', 'author_id', 'users'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_review_notes')),
    )
    op.create_index(op.f('ix_review_notes_comment_id_id'), 'review_notes', ['comment_id', 'id'])
    op.create_table(
        'questions',
        sa.Column('id', BIG_ID, nullable=False),
        sa.Column('site_id', BIG_ID, nullable=False),
        sa.Column('comment_id', BIG_ID, nullable=False),
        sa.Column('asker_id', BIG_ID, nullable=False),
        sa.Column('asked_id', BIG_ID, nullable=True),
        sa.Column('text', sa.Text(), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('answered_at', TIME, nullable=True),
        sa.Column('answered_by_id', BIG_ID, nullable=True),
        sa.Column('decision_id', BIG_ID, nullable=True),
        foreign('questions', 'site_id', 'sites', cascades=True),
        foreign('questions', 'comment_id', 'comments', cascades=True),
        foreign('questions', 'asker_id', 'users'),
        foreign('questions', 'asked_id', 'users'),
        foreign('questions', 'answered_by_id', 'users'),
        foreign('questions', 'decision_id', 'decisions'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_questions')),
    )
    op.create_index(op.f('ix_questions_comment_id_id'), 'questions', ['comment_id', 'id'])
    op.create_index('ix_questions_open', 'questions', ['site_id', 'id'], postgresql_where=OPEN, sqlite_where=OPEN)
    for table, more, unique in (
        ('skips', sa.Column('created_at', TIME, nullable=False), 'user_id_comment_id'),
        ('desk_claims', sa.Column('until', TIME, nullable=False), 'site_id_user_id'),
    ):
        columns = ('user_id', 'comment_id') if table == 'skips' else ('site_id', 'user_id')
        op.create_table(
            table,
            sa.Column('id', BIG_ID, nullable=False),
            sa.Column('site_id', BIG_ID, nullable=False),
            sa.Column('user_id', BIG_ID, nullable=False),
            sa.Column('comment_id', BIG_ID, nullable=False),
            more,
            foreign(table, 'site_id', 'sites', cascades=True),
            foreign(table, 'user_id', 'users', cascades=True),
            foreign(table, 'comment_id', 'comments', cascades=True),
            sa.PrimaryKeyConstraint('id', name=op.f(f'pk_{table}')),
            sa.UniqueConstraint(*columns, name=op.f(f'uq_{table}_{unique}')),
        )
        op.create_index(op.f(f'ix_{table}_comment_id'), table, ['comment_id'])


def downgrade() -> None:
    for table in ('desk_claims', 'skips', 'questions', 'review_notes'):
        op.drop_table(table)
    op.drop_column('users', 'blur_words')
    op.drop_column('articles', 'pinned_id')
    op.drop_column('comments', 'featured_at')
    op.drop_index('ix_decisions_batch', 'decisions')
    op.drop_column('decisions', 'batch')
    op.drop_column('decisions', 'message')
