"""the audit log, second factors, invitations, and since when somebody holds a role

Revision: 20261126te
Follows: 20261126qu
"""

import sqlalchemy as sa
from alembic import op

revision = '20261126te'
down_revision = '20261126qu'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
UNSEALED = sa.text('position IS NULL')
ADDED = (
    ('site_roles', 'granted_at', sa.DateTime(timezone=True)), ('site_roles', 'granted_by_id', sa.BigInteger()),
    ('sites', 'second_factor_from', sa.DateTime(timezone=True)), ('users', 'second_factor_at', sa.DateTime(timezone=True)),
    ('user_sessions', 'confirmed_at', sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    op.create_table(
        'audit_entries',
        sa.Column('id', ID, nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('actor_id', sa.BigInteger(), nullable=True),
        sa.Column('via', sa.String(length=10), nullable=False),
        sa.Column('action', sa.String(length=60), nullable=False),
        sa.Column('site_id', sa.BigInteger(), nullable=True),
        sa.Column('subject', sa.String(length=100), nullable=False),
        sa.Column('facts', sa.Text(), nullable=False),
        sa.Column('position', sa.BigInteger(), nullable=True),
        sa.Column('hash', sa.LargeBinary(length=32), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_entries')),
        sa.UniqueConstraint('position', name=op.f('uq_audit_entries_position')),
    )
    op.create_index(op.f('ix_audit_entries_site_id_id'), 'audit_entries', ['site_id', 'id'])
    op.create_index(op.f('ix_audit_entries_site_id_actor_id_id'), 'audit_entries', ['site_id', 'actor_id', 'id'])
    op.create_index(
        'ix_audit_entries_unsealed', 'audit_entries', ['id'], postgresql_where=UNSEALED, sqlite_where=UNSEALED
    )
    op.create_table(
        'audit_head',
        sa.Column('id', ID, nullable=False),
        sa.Column('position', sa.BigInteger(), nullable=False),
        sa.Column('hash', sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_head')),
    )
    op.create_table(
        'invitations',
        sa.Column('id', ID, nullable=False),
        sa.Column('site_id', ID, nullable=False),
        sa.Column('email', sa.String(length=254), nullable=False),
        sa.Column('role', sa.String(length=30), nullable=False),
        sa.Column('token_hash', sa.LargeBinary(length=32), nullable=False),
        sa.Column('invited_by_id', ID, nullable=True),
        sa.Column('sent_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['invited_by_id'], ['users.id'], name=op.f('fk_invitations_invited_by_id_users'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_invitations_site_id_sites'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_invitations')),
        sa.UniqueConstraint('site_id', 'email', name=op.f('uq_invitations_site_id_email')),
        sa.UniqueConstraint('token_hash', name=op.f('uq_invitations_token_hash')),
    )
    op.create_index(op.f('ix_invitations_invited_by_id'), 'invitations', ['invited_by_id'])
    op.create_table(
        'totp_secrets',
        sa.Column('user_id', ID, autoincrement=False, nullable=False),
        sa.Column('sealed', sa.String(length=300), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('last_step', sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_totp_secrets_user_id_users'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('user_id', name=op.f('pk_totp_secrets')),
    )
    op.create_table(
        'passkeys',
        sa.Column('id', ID, nullable=False),
        sa.Column('user_id', ID, nullable=False),
        sa.Column('credential_id', sa.LargeBinary(length=1023), nullable=False),
        sa.Column('public_key', sa.LargeBinary(), nullable=False),
        sa.Column('sign_count', sa.BigInteger(), nullable=False),
        sa.Column('transports', sa.String(length=200), nullable=False),
        sa.Column('name', sa.String(length=100), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('last_used_at', sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_passkeys_user_id_users'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_passkeys')),
        sa.UniqueConstraint('credential_id', name=op.f('uq_passkeys_credential_id')),
    )
    op.create_index(op.f('ix_passkeys_user_id'), 'passkeys', ['user_id'])
    op.create_table(
        'recovery_codes',
        sa.Column('id', ID, nullable=False),
        sa.Column('user_id', ID, nullable=False),
        sa.Column('code_hash', sa.LargeBinary(length=32), nullable=False),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_recovery_codes_user_id_users'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_recovery_codes')),
        sa.UniqueConstraint('code_hash', name=op.f('uq_recovery_codes_code_hash')),
    )
    op.create_index(op.f('ix_recovery_codes_user_id'), 'recovery_codes', ['user_id'])
    op.create_table(
        'sign_in_steps',
        sa.Column('id', ID, nullable=False),
        sa.Column('token_hash', sa.LargeBinary(length=32), nullable=False),
        sa.Column('purpose', sa.String(length=20), nullable=False),
        sa.Column('user_id', ID, nullable=True),
        sa.Column('challenge', sa.LargeBinary(length=32), nullable=False),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_sign_in_steps_user_id_users'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_sign_in_steps')),
        sa.UniqueConstraint('token_hash', name=op.f('uq_sign_in_steps_token_hash')),
    )
    op.create_index(op.f('ix_sign_in_steps_user_id'), 'sign_in_steps', ['user_id'])
    # Plain ALTER TABLE: a batch on SQLite would copy the table and drop the old one.
    for table, name, kind in ADDED:
        op.add_column(table, sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    for table, name, _kind in reversed(ADDED):
        op.execute(f'ALTER TABLE {table} DROP COLUMN {name}')
    for table in ('sign_in_steps', 'recovery_codes', 'passkeys', 'totp_secrets', 'invitations', 'audit_head', 'audit_entries'):
        op.drop_table(table)
