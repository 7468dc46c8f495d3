"""consents, exports for training, accounts that are deleted, other addresses

Revision: 20261126pr
Follows: 20261126rd
"""

import sqlalchemy as sa
from alembic import op

revision = '20261126pr'
down_revision = '20261126rd'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        'consents',
        sa.Column('id', ID, nullable=False),
        sa.Column('user_id', ID, nullable=False),
        sa.Column('purpose', sa.String(length=40), nullable=False),
        sa.Column('granted', sa.Boolean(), nullable=False),
        sa.Column('text_version', sa.Integer(), nullable=False),
        sa.Column('text_sha256', sa.String(length=64), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('previous_hash', sa.String(length=64), nullable=False),
        sa.Column('hash', sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_consents_user_id_users')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_consents')),
        sa.UniqueConstraint('previous_hash', name=op.f('uq_consents_previous_hash')),
    )
    op.create_index(op.f('ix_consents_user_id_purpose_id'), 'consents', ['user_id', 'purpose', 'id'])
    op.create_index(op.f('ix_consents_purpose_user_id_id'), 'consents', ['purpose', 'user_id', 'id'])
    op.create_table(
        'training_exports',
        sa.Column('id', ID, nullable=False),
        sa.Column('site_id', ID, nullable=True),
        sa.Column('comments', sa.Integer(), nullable=False),
        sa.Column('sha256', sa.String(length=64), nullable=False),
        sa.Column('used_for', sa.String(length=500), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_training_exports_site_id_sites')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_training_exports')),
    )
    op.create_table(
        'training_export_consents',
        sa.Column('id', ID, nullable=False),
        sa.Column('export_id', ID, nullable=False),
        sa.Column('consent_id', ID, nullable=False),
        sa.Column('comments', sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(['consent_id'], ['consents.id'], name=op.f('fk_training_export_consents_consent_id_consents')),
        sa.ForeignKeyConstraint(
            ['export_id'], ['training_exports.id'], name=op.f('fk_training_export_consents_export_id_training_exports'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_training_export_consents')),
        sa.UniqueConstraint('export_id', 'consent_id', name=op.f('uq_training_export_consents_export_id_consent_id')),
    )
    op.create_index(op.f('ix_training_export_consents_consent_id'), 'training_export_consents', ['consent_id'])
    op.create_table(
        'erasures',
        sa.Column('id', ID, nullable=False),
        sa.Column('user_id', ID, nullable=False),
        sa.Column('remove_comments', sa.Boolean(), nullable=False),
        sa.Column('asked_at', TIME, nullable=False),
        sa.Column('due_at', TIME, nullable=False),
        sa.Column('done_at', TIME, nullable=True),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_erasures_user_id_users')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_erasures')),
        sa.UniqueConstraint('user_id', name=op.f('uq_erasures_user_id')),
    )
    op.create_index(op.f('ix_erasures_due_at'), 'erasures', ['due_at'])
    op.create_table(
        'email_changes',
        sa.Column('id', ID, nullable=False),
        sa.Column('token_hash', sa.LargeBinary(length=32), nullable=False),
        sa.Column('user_id', ID, nullable=False),
        sa.Column('email', sa.String(length=254), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('expires_at', TIME, nullable=False),
        sa.Column('used_at', TIME, nullable=True),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_email_changes_user_id_users'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_email_changes')),
        sa.UniqueConstraint('token_hash', name=op.f('uq_email_changes_token_hash')),
    )
    op.create_index(op.f('ix_email_changes_user_id'), 'email_changes', ['user_id'])


def downgrade() -> None:
    for name in ('email_changes', 'erasures', 'training_export_consents', 'training_exports', 'consents'):
        op.drop_table(name)
