"""in which language somebody read what she agreed to

Revision: 20261127co
Follows: 20261127ma
"""

import sqlalchemy as sa
from alembic import op

revision = '20261127co'
down_revision = '20261127ma'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('consents', sa.Column('language', sa.String(length=10), nullable=True))


def downgrade() -> None:
    op.drop_column('consents', 'language')
