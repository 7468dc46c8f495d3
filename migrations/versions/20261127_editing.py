"""whom comments mention, and edits that wait while the text before stands

Revision: 20261127ed
Follows: 20261126pr
"""

import sqlalchemy as sa
from alembic import op

revision = '20261127ed'
down_revision = '20261126pr'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
TIME = sa.DateTime(timezone=True)
PENDING, HELD = sa.text("edit_status = 'pending'"), sa.text("edit_status = 'held'")


def upgrade() -> None:
    op.create_table(
        'mentions',
        sa.Column('id', ID, nullable=False),
        sa.Column('site_id', ID, nullable=False),
        sa.Column('comment_id', ID, nullable=False),
        sa.Column('user_id', ID, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(['comment_id'], ['comments.id'], name=op.f('fk_mentions_comment_id_comments'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_mentions_site_id_sites'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_mentions_user_id_users'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_mentions')),
        sa.UniqueConstraint('comment_id', 'user_id', name=op.f('uq_mentions_comment_id_user_id')),
    )
    op.create_index(op.f('ix_mentions_user_id_id'), 'mentions', ['user_id', 'id'])
    op.add_column('revisions', sa.Column('state', sa.String(length=20), nullable=True))
    op.add_column('revisions', sa.Column('reason', sa.String(length=40), nullable=True))
    op.add_column('comments', sa.Column('edit', sa.Integer(), nullable=True))
    op.add_column('comments', sa.Column('edit_status', sa.String(length=20), nullable=True))
    op.create_index('ix_comments_edits', 'comments', ['id'], postgresql_where=PENDING, sqlite_where=PENDING)
    op.create_index('ix_comments_edits_due', 'comments', ['site_id', 'edit_status', 'due', 'id'], postgresql_where=HELD, sqlite_where=HELD)


def downgrade() -> None:
    for name in ('ix_comments_edits_due', 'ix_comments_edits'):
        op.drop_index(name, table_name='comments')
    for table, column in (('comments', 'edit_status'), ('comments', 'edit'), ('revisions', 'reason'), ('revisions', 'state')):
        op.execute(f'ALTER TABLE {table} DROP COLUMN {column}')
    op.drop_table('mentions')
