"""where Community Managers have spoken under an article

Revision: 20261127wi
Follows: 20261127la
"""

import sqlalchemy as sa
from alembic import op

revision = '20261127wi'
down_revision = '20261127id'
branch_labels = None
depends_on = None

BY_MANAGERS = sa.text("status = 'published' AND author_role = 'community_manager'")


def upgrade() -> None:
    op.create_index('ix_comments_managers', 'comments', ['article_id', 'status', 'author_role', 'id'], postgresql_where=BY_MANAGERS, sqlite_where=BY_MANAGERS)


def downgrade() -> None:
    op.drop_index('ix_comments_managers', 'comments')
