"""which secret key the nodes of this database sign with

Revision: 20261126s
Follows: 20261126a
"""

import sqlalchemy as sa
from alembic import op

revision = '20261126s'
down_revision = '20261126a'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'signing_key',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
        sa.Column('fingerprint', sa.String(length=64), nullable=False),
        sa.Column('since', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_signing_key')),
    )


def downgrade() -> None:
    op.drop_table('signing_key')
