"""versions of what is set on a site, its language, its own reasons and messages, and closing by itself

Revision: 20261126po
Follows: 20261126pe
"""

import sqlalchemy as sa
from alembic import op

revision = '20261126po'
down_revision = '20261126pe'
branch_labels = None
depends_on = None

ADDED = {
    'sites': ('language', 'closing_days', 'reasons', 'messages', 'phrase_notes', 'policy_version'),
    'articles': ('reopened_at',),
    'screenings': ('policy_version',),
    'decisions': ('site_reason',),
}


def upgrade() -> None:
    op.create_table(
        'policy_versions',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
        sa.Column('site_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('data', sa.JSON(), nullable=False),
        sa.Column('changes', sa.JSON(), nullable=False),
        sa.Column('actor_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
        sa.Column('via', sa.String(length=20), nullable=False),
        sa.Column('comment', sa.String(length=500), nullable=False),
        sa.Column('restores', sa.Integer(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['actor_id'], ['users.id'], name=op.f('fk_policy_versions_actor_id_users')),
        sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_policy_versions_site_id_sites'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_policy_versions')),
        sa.UniqueConstraint('site_id', 'number', name=op.f('uq_policy_versions_site_id_number')),
    )
    # Plain ALTER TABLE: a batch on SQLite would copy the table and drop the old one.
    op.add_column('sites', sa.Column('language', sa.String(length=35), server_default='en', nullable=False))
    op.add_column('sites', sa.Column('closing_days', sa.JSON(), nullable=True))
    op.add_column('sites', sa.Column('reasons', sa.JSON(), nullable=True))
    op.add_column('sites', sa.Column('messages', sa.JSON(), nullable=True))
    op.add_column('sites', sa.Column('phrase_notes', sa.JSON(), nullable=True))
    op.add_column('sites', sa.Column('policy_version', sa.Integer(), server_default='0', nullable=False))
    op.add_column('articles', sa.Column('reopened_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('screenings', sa.Column('policy_version', sa.Integer(), nullable=True))
    op.add_column('decisions', sa.Column('site_reason', sa.String(length=40), nullable=True))


def downgrade() -> None:
    for table, columns in ADDED.items():
        for column in columns:
            op.execute(f'ALTER TABLE {table} DROP COLUMN {column}')
    op.drop_table('policy_versions')
