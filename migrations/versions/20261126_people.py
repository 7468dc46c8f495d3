"""sanctions, notes on people, sweeps and merges

Revision: 20261126pe
Follows: 20261126te
"""

import sqlalchemy as sa
from alembic import op

revision = '20261126pe'
down_revision = '20261126te'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
TIME = sa.DateTime(timezone=True)


def of(column: str, target: str, table: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f'{target}.id'], name=op.f(f'fk_{table}_{column}_{target}'), ondelete=ondelete)


def upgrade() -> None:
    op.add_column('comments', sa.Column('author_level', sa.String(length=20), nullable=True))
    op.add_column('comments', sa.Column('hold_for', sa.String(length=40), nullable=True))
    op.create_index('ix_comments_record', 'comments', ['author_id', 'site_id', 'status', 'created_at'])
    op.create_table(
        'sanctions',
        sa.Column('id', ID, nullable=False),
        sa.Column('site_id', ID, nullable=True),
        sa.Column('user_id', ID, nullable=False),
        sa.Column('kind', sa.String(length=20), nullable=False),
        sa.Column('reason', sa.String(length=40), nullable=False),
        sa.Column('note', sa.Text(), nullable=False),
        sa.Column('message', sa.Text(), nullable=False),
        sa.Column('rule', sa.String(length=40), nullable=True),
        sa.Column('starts_at', TIME, nullable=False),
        sa.Column('ends_at', TIME, nullable=True),
        sa.Column('ended_at', TIME, nullable=True),
        sa.Column('ended_by_id', ID, nullable=True),
        sa.Column('end_note', sa.Text(), nullable=False),
        sa.Column('actor_id', ID, nullable=True),
        sa.Column('refused', sa.Integer(), nullable=False),
        sa.Column('end_mail_id', ID, nullable=True),
        sa.Column('seen_at', TIME, nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        of('site_id', 'sites', 'sanctions', 'CASCADE'),
        of('user_id', 'users', 'sanctions', 'CASCADE'),
        of('ended_by_id', 'users', 'sanctions'),
        of('actor_id', 'users', 'sanctions'),
        of('end_mail_id', 'mails', 'sanctions', 'SET NULL'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_sanctions')),
    )
    op.create_index(op.f('ix_sanctions_user_id_ended_at'), 'sanctions', ['user_id', 'ended_at'])
    op.create_index(op.f('ix_sanctions_site_id_id'), 'sanctions', ['site_id', 'id'])
    op.create_table(
        'person_notes',
        sa.Column('id', ID, nullable=False),
        sa.Column('site_id', ID, nullable=False),
        sa.Column('user_id', ID, nullable=False),
        sa.Column('author_id', ID, nullable=False),
        sa.Column('body', sa.Text(), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('edited_at', TIME, nullable=True),
        of('site_id', 'sites', 'person_notes', 'CASCADE'),
        of('user_id', 'users', 'person_notes', 'CASCADE'),
        of('author_id', 'users', 'person_notes'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_person_notes')),
    )
    op.create_index(op.f('ix_person_notes_user_id_site_id_id'), 'person_notes', ['user_id', 'site_id', 'id'])
    op.create_table(
        'sweeps',
        sa.Column('id', ID, nullable=False),
        sa.Column('site_id', ID, nullable=False),
        sa.Column('user_id', ID, nullable=False),
        sa.Column('actor_id', ID, nullable=False),
        sa.Column('undone_by_id', ID, nullable=True),
        sa.Column('reason', sa.String(length=40), nullable=False),
        sa.Column('note', sa.Text(), nullable=False),
        sa.Column('state', sa.String(length=20), nullable=False),
        sa.Column('position', ID, nullable=False),
        sa.Column('last_comment_id', ID, nullable=False),
        sa.Column('total', sa.Integer(), nullable=False),
        sa.Column('seen', sa.Integer(), nullable=False),
        sa.Column('rejected', sa.Integer(), nullable=False),
        sa.Column('restored', sa.Integer(), nullable=False),
        sa.Column('stood', sa.Integer(), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('finished_at', TIME, nullable=True),
        of('site_id', 'sites', 'sweeps', 'CASCADE'),
        of('user_id', 'users', 'sweeps', 'CASCADE'),
        of('actor_id', 'users', 'sweeps'),
        of('undone_by_id', 'users', 'sweeps'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_sweeps')),
    )
    op.create_index(op.f('ix_sweeps_user_id_site_id_id'), 'sweeps', ['user_id', 'site_id', 'id'])
    op.create_index(op.f('ix_sweeps_state'), 'sweeps', ['state'])
    op.create_table(
        'sweep_steps',
        sa.Column('id', ID, nullable=False),
        sa.Column('site_id', ID, nullable=False),
        sa.Column('sweep_id', ID, nullable=False),
        sa.Column('comment_id', ID, nullable=False),
        sa.Column('decision_id', ID, nullable=False),
        of('site_id', 'sites', 'sweep_steps', 'CASCADE'),
        of('sweep_id', 'sweeps', 'sweep_steps', 'CASCADE'),
        of('comment_id', 'comments', 'sweep_steps', 'CASCADE'),
        of('decision_id', 'decisions', 'sweep_steps', 'CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_sweep_steps')),
        sa.UniqueConstraint('site_id', 'sweep_id', 'comment_id', name=op.f('uq_sweep_steps_site_id_sweep_id_comment_id')),
    )
    op.create_index(op.f('ix_sweep_steps_sweep_id'), 'sweep_steps', ['sweep_id'])
    op.create_table(
        'merges',
        sa.Column('id', ID, nullable=False),
        sa.Column('kept_id', ID, nullable=False),
        sa.Column('merged_id', ID, nullable=False),
        sa.Column('actor_id', ID, nullable=False),
        sa.Column('comments', sa.Integer(), nullable=False),
        sa.Column('votes', sa.Integer(), nullable=False),
        sa.Column('votes_dropped', sa.Integer(), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        of('kept_id', 'users', 'merges', 'CASCADE'),
        of('merged_id', 'users', 'merges', 'CASCADE'),
        of('actor_id', 'users', 'merges'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_merges')),
        sa.UniqueConstraint('merged_id', name=op.f('uq_merges_merged_id')),
    )
    op.create_index(op.f('ix_merges_kept_id'), 'merges', ['kept_id'])


def downgrade() -> None:
    for name in ('merges', 'sweep_steps', 'sweeps', 'person_notes', 'sanctions'):
        op.drop_table(name)
    op.drop_index('ix_comments_record', table_name='comments')
    for name in ('hold_for', 'author_level'):
        op.execute(f'ALTER TABLE comments DROP COLUMN {name}')
