"""why what a person says about herself was not accepted

Revision: 20261129br
Follows: 20261128nt
"""

import sqlalchemy as sa
from alembic import op

revision = '20261129br'
down_revision = '20261128nt'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('profiles', sa.Column('reason', sa.String(length=40), nullable=True))
    op.add_column('profiles', sa.Column('reason_words', sa.String(length=100), server_default=sa.text("''"), nullable=False))


def downgrade() -> None:
    op.drop_column('profiles', 'reason_words')
    op.drop_column('profiles', 'reason')
