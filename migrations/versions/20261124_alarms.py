"""workers that report, and what screening remembers of a comment

Revision: 20261124a
Follows: d79e70283b82
"""

import sqlalchemy as sa
from alembic import op

revision = '20261124a'
down_revision = 'd79e70283b82'
branch_labels = None
depends_on = None

# Plain ALTER TABLE throughout: a batch on SQLite copies the table and drops the old one, and with
# foreign keys on that drop takes votes and revisions along.
INDEXES = {
    'ix_comments_posted': ("status = 'pending' AND external_id IS NULL",) * 2,
    'ix_comments_screen_again': ('screen_again', 'screen_again = 1'),
}


def upgrade() -> None:
    op.create_table('workers',
    sa.Column('id', sa.String(length=120), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('model_name', sa.String(length=100), nullable=True),
    sa.Column('model_version', sa.String(length=50), nullable=True),
    sa.Column('model_sha256', sa.String(length=64), nullable=True),
    sa.Column('error', sa.String(length=500), nullable=True),
    sa.Column('error_since', sa.DateTime(timezone=True), nullable=True),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('problem', sa.String(length=500), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_workers'))
    )
    op.add_column('comments', sa.Column('accepted_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('comments', sa.Column('screen_attempts', sa.Integer(), server_default='0', nullable=False))
    op.add_column('comments', sa.Column('screen_again', sa.Boolean(), server_default=sa.false(), nullable=False))
    for name, (postgresql, sqlite) in INDEXES.items():
        op.create_index(name, 'comments', ['id'], postgresql_where=sa.text(postgresql), sqlite_where=sa.text(sqlite))


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, table_name='comments')
    for name in ('screen_again', 'screen_attempts', 'accepted_at'):
        op.execute(f'ALTER TABLE comments DROP COLUMN {name}')
    op.drop_table('workers')
