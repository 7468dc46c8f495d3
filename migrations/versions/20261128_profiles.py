"""what a person says about herself, what a site says of her, and what others see of her comments

Revision: 20261128pf
Follows: 20261128hi
"""

import sqlalchemy as sa
from alembic import op

revision = '20261128pf'
down_revision = '20261128hi'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
TIME = sa.DateTime(timezone=True)
PUBLISHED = sa.text("status = 'published'")


def upgrade() -> None:
    op.create_table(
        'site_badges',
        sa.Column('site_id', ID, autoincrement=False, nullable=False),
        sa.Column('user_id', ID, autoincrement=False, nullable=False),
        sa.Column('expert', sa.String(length=60), nullable=True),
        sa.Column('member', sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column('expert_via', sa.String(length=10), nullable=True),
        sa.Column('member_via', sa.String(length=10), nullable=True),
        sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_site_badges_site_id_sites'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_site_badges_user_id_users'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('site_id', 'user_id', name=op.f('pk_site_badges')),
    )
    op.create_index(op.f('ix_site_badges_user_id'), 'site_badges', ['user_id'])
    op.create_table(
        'profiles',
        sa.Column('user_id', ID, autoincrement=False, nullable=False),
        sa.Column('bio', sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column('offered', sa.Text(), nullable=True),
        sa.Column('state', sa.String(length=20), nullable=True),
        sa.Column('number', sa.Integer(), server_default='0', nullable=False),
        sa.Column('findings', sa.JSON(none_as_null=True), nullable=True),
        sa.Column('offered_at', TIME, nullable=True),
        sa.Column('claimed_until', TIME, nullable=True),
        sa.Column('attempts', sa.Integer(), server_default='0', nullable=False),
        sa.Column('history_private', sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_profiles_user_id_users'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('user_id', name=op.f('pk_profiles')),
    )
    for state in ('pending', 'held'):
        of_state = sa.text(f"state = '{state}'")
        op.create_index(f'ix_profiles_{state}', 'profiles', ['user_id'], postgresql_where=of_state, sqlite_where=of_state)
    op.add_column('users', sa.Column('erased_at', TIME, nullable=True))
    op.execute(
        'UPDATE users SET erased_at = (SELECT done_at FROM erasures WHERE user_id = users.id) '
        'WHERE id IN (SELECT user_id FROM erasures WHERE done_at IS NOT NULL)'
    )
    op.create_index(
        'ix_comments_profile', 'comments', ['author_id', 'site_id', 'status', 'created_at', 'id', 'up'],
        postgresql_where=PUBLISHED, sqlite_where=PUBLISHED,
    )


def downgrade() -> None:
    op.drop_index('ix_comments_profile', table_name='comments')
    op.drop_column('users', 'erased_at')
    op.drop_table('profiles')
    op.drop_table('site_badges')
