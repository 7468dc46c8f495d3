"""whom comments mention

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


def downgrade() -> None:
    op.drop_table('mentions')
