"""the language a person has chosen for her own pages and mails

Revision: 20261127la
Follows: 20261127ed
"""

import sqlalchemy as sa
from alembic import op

revision = '20261127la'
down_revision = '20261127ed'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('users', sa.Column('language', sa.String(length=10), nullable=True))


def downgrade() -> None:
    op.drop_column('users', 'language')
