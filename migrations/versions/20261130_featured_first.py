"""conversations in the order that begins with what is featured

Revision: 20261130ff
Follows: 20261129br
"""

import sqlalchemy as sa
from alembic import op

revision = '20261130ff'
down_revision = '20261129br'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        'ix_comments_roots_by_featured', 'comments', ['article_id', sa.text('(featured_at IS NOT NULL)'), 'id'],
        postgresql_where=sa.text('parent_id IS NULL AND listed'), sqlite_where=sa.text('parent_id IS NULL AND listed = 1'),
    )


def downgrade() -> None:
    op.drop_index('ix_comments_roots_by_featured', 'comments')
