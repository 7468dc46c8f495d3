"""what a post that is sent again is recognised by

Revision: 20261126a
Follows: 20261124c
"""

import sqlalchemy as sa
from alembic import op

revision = '20261126a'
down_revision = '20261124c'
branch_labels = None
depends_on = None

INDEX = 'ux_comments_request'


def upgrade() -> None:
    # Plain ALTER TABLE: a batch on SQLite would copy the table and drop the old one.
    op.add_column('comments', sa.Column('request_key', sa.String(length=32), nullable=True))
    op.create_index(
        INDEX, 'comments', ['site_id', 'author_id', 'request_key'], unique=True,
        postgresql_where=sa.text('request_key IS NOT NULL'), sqlite_where=sa.text('request_key IS NOT NULL'),
    )


def downgrade() -> None:
    op.drop_index(INDEX, table_name='comments')
    op.execute('ALTER TABLE comments DROP COLUMN request_key')
