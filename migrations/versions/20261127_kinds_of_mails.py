"""which mail a mail is: what counts them cannot go by their subjects, which are in many languages

Revision: 20261127ma
Follows: 20261127wi
"""

import sqlalchemy as sa
from alembic import op

revision = '20261127ma'
down_revision = '20261127wi'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('mails', sa.Column('kind', sa.String(length=30), nullable=True))


def downgrade() -> None:
    op.drop_column('mails', 'kind')
