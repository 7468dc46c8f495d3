"""daily figures of sites, their time zones, and who gets them by mail

Revision: 20261126fi
Follows: 20261126de
"""

import sqlalchemy as sa
from alembic import op

revision = '20261126fi'
down_revision = '20261126de'
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.create_table(
        'daily_figures',
        sa.Column('id', BigId, nullable=False),
        sa.Column('site_id', BigId, nullable=False),
        sa.Column('day', sa.String(length=10), nullable=False),
        sa.Column('zone', sa.String(length=64), nullable=False),
        sa.Column('last_left', sa.String(length=10), nullable=False),
        sa.Column('data', sa.JSON(), nullable=False),
        sa.Column('counted_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_daily_figures_site_id_sites'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_daily_figures')),
        sa.UniqueConstraint('site_id', 'day', name=op.f('uq_daily_figures_site_id_day')),
    )
    op.create_index(op.f('ix_daily_figures_site_id_last_left'), 'daily_figures', ['site_id', 'last_left'])
    op.create_table(
        'figures_progress',
        sa.Column('id', BigId, nullable=False),
        sa.Column('comments', sa.BigInteger(), nullable=False),
        sa.Column('decisions', sa.BigInteger(), nullable=False),
        sa.Column('flags', sa.BigInteger(), nullable=False),
        sa.Column('screenings', sa.BigInteger(), nullable=False),
        sa.Column('owner', sa.String(length=32), nullable=True),
        sa.Column('not_before', sa.DateTime(timezone=True), nullable=False),
        sa.Column('counted_at', sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_figures_progress')),
    )
    for name in ('morning_mails', 'morning_mail_days'):
        days = [sa.Column('day', sa.String(length=10), nullable=False)] if name == 'morning_mail_days' else []
        unique = ['site_id', 'user_id', *(['day'] if days else [])]
        op.create_table(
            name,
            sa.Column('id', BigId, nullable=False),
            sa.Column('site_id', BigId, nullable=False),
            sa.Column('user_id', BigId, nullable=False),
            *days,
            sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
            sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f(f'fk_{name}_site_id_sites'), ondelete='CASCADE'),
            sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f(f'fk_{name}_user_id_users'), ondelete='CASCADE'),
            sa.PrimaryKeyConstraint('id', name=op.f(f'pk_{name}')),
            sa.UniqueConstraint(*unique, name=op.f(f'uq_{name}_' + '_'.join(unique))),
        )
        op.create_index(op.f(f'ix_{name}_user_id'), name, ['user_id'])
    op.create_index(op.f('ix_decisions_site_id_created_at'), 'decisions', ['site_id', 'created_at'])
    op.create_index(op.f('ix_flags_site_id_created_at'), 'flags', ['site_id', 'created_at'])
    op.add_column('sites', sa.Column('timezone', sa.String(length=64), server_default='UTC', nullable=False))
    op.add_column('mails', sa.Column('unsubscribe_url', sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column('mails', 'unsubscribe_url')
    op.drop_column('sites', 'timezone')
    op.drop_index(op.f('ix_flags_site_id_created_at'), 'flags')
    op.drop_index(op.f('ix_decisions_site_id_created_at'), 'decisions')
    for name in ('morning_mail_days', 'morning_mails', 'figures_progress', 'daily_figures'):
        op.drop_table(name)
