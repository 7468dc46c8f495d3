"""people whom readers hide, and votes and flags that are not counted by themselves

Revision: 20261128hi
Follows: 20261127co
"""

import sqlalchemy as sa
from alembic import op

revision = '20261128hi'
down_revision = '20261127co'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
TIME = sa.DateTime(timezone=True)
MARKED = sa.text('network IS NOT NULL')


def upgrade() -> None:
    op.create_table(
        'hidden_people',
        sa.Column('id', ID, nullable=False),
        sa.Column('user_id', ID, nullable=False),
        sa.Column('hidden_id', ID, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(['hidden_id'], ['users.id'], name=op.f('fk_hidden_people_hidden_id_users'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_hidden_people_user_id_users'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_hidden_people')),
        sa.UniqueConstraint('user_id', 'hidden_id', name=op.f('uq_hidden_people_user_id_hidden_id')),
    )
    op.create_index(op.f('ix_hidden_people_hidden_id'), 'hidden_people', ['hidden_id'])
    for table in ('votes', 'flags'):
        op.add_column(table, sa.Column('network', sa.LargeBinary(length=16), nullable=True))
        op.add_column(table, sa.Column('counted', sa.Boolean(), server_default=sa.true(), nullable=False))
        op.create_index(f'ix_{table}_marked', table, ['created_at'], postgresql_where=MARKED, sqlite_where=MARKED)
    op.create_index(
        'ix_votes_crowd', 'votes', ['comment_id', 'created_at', 'network', 'counted'],
        postgresql_where=sa.text('network IS NOT NULL AND counted'), sqlite_where=sa.text('network IS NOT NULL AND counted = 1'),
    )


def downgrade() -> None:
    op.drop_index('ix_votes_crowd', 'votes')
    for table in ('votes', 'flags'):
        op.drop_index(f'ix_{table}_marked', table)
        op.drop_column(table, 'counted')
        op.drop_column(table, 'network')
    op.drop_table('hidden_people')
