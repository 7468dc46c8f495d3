"""other ways to sign in: identity providers, a publisher's single sign-on, windows that hand a sign-in over, guests

Revision: 20261127id
Follows: 20261127no
"""

import sqlalchemy as sa
from alembic import op

revision = '20261127id'
down_revision = '20261127no'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        'external_identities',
        sa.Column('id', ID, nullable=False),
        sa.Column('issuer', sa.String(length=255), nullable=False),
        sa.Column('subject', sa.String(length=255), nullable=False),
        sa.Column('site_id', ID, nullable=True),
        sa.Column('user_id', ID, nullable=False),
        sa.Column('email', sa.String(length=254), nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('last_used_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_external_identities_site_id_sites'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_external_identities_user_id_users'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_external_identities')),
        sa.UniqueConstraint('issuer', 'subject', name=op.f('uq_external_identities_issuer_subject')),
    )
    op.create_index(op.f('ix_external_identities_site_id'), 'external_identities', ['site_id'])
    op.create_index(op.f('ix_external_identities_user_id'), 'external_identities', ['user_id'])
    op.create_table(
        'external_sign_ins',
        sa.Column('id', ID, nullable=False),
        sa.Column('state_hash', sa.LargeBinary(length=32), nullable=False),
        sa.Column('provider', sa.String(length=40), nullable=False),
        sa.Column('nonce', sa.String(length=64), nullable=False),
        sa.Column('verifier', sa.String(length=128), nullable=False),
        sa.Column('next', sa.String(length=2000), nullable=False),
        sa.Column('user_id', ID, nullable=True),
        sa.Column('expires_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_external_sign_ins_user_id_users'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_external_sign_ins')),
        sa.UniqueConstraint('state_hash', name=op.f('uq_external_sign_ins_state_hash')),
    )
    op.create_index(op.f('ix_external_sign_ins_user_id'), 'external_sign_ins', ['user_id'])
    op.create_table(
        'hand_overs',
        sa.Column('id', ID, nullable=False),
        sa.Column('code_hash', sa.LargeBinary(length=32), nullable=False),
        sa.Column('challenge', sa.LargeBinary(length=32), nullable=False),
        sa.Column('user_id', ID, nullable=False),
        sa.Column('expires_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_hand_overs_user_id_users'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_hand_overs')),
        sa.UniqueConstraint('code_hash', name=op.f('uq_hand_overs_code_hash')),
    )
    op.create_index(op.f('ix_hand_overs_user_id'), 'hand_overs', ['user_id'])
    op.create_table(
        'sso_settings',
        sa.Column('site_id', ID, autoincrement=False, nullable=False),
        sa.Column('issuer', sa.String(length=255), nullable=False),
        sa.Column('roles', sa.JSON(), nullable=False),
        sa.Column('jwks_url', sa.String(length=500), nullable=False),
        sa.Column('changed_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_sso_settings_site_id_sites'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('site_id', name=op.f('pk_sso_settings')),
    )
    op.create_table(
        'sso_keys',
        sa.Column('id', ID, nullable=False),
        sa.Column('site_id', ID, nullable=False),
        sa.Column('kid', sa.String(length=100), nullable=False),
        sa.Column('algorithm', sa.String(length=10), nullable=False),
        sa.Column('sealed', sa.Text(), nullable=False),
        sa.Column('added_at', TIME, nullable=False),
        sa.Column('added_by_id', sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_sso_keys_site_id_sites'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_sso_keys')),
        sa.UniqueConstraint('site_id', 'kid', name=op.f('uq_sso_keys_site_id_kid')),
    )
    op.create_table(
        'sso_tokens',
        sa.Column('id', ID, nullable=False),
        sa.Column('site_id', ID, nullable=False),
        sa.Column('jti_hash', sa.LargeBinary(length=32), nullable=False),
        sa.Column('expires_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_sso_tokens_site_id_sites'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_sso_tokens')),
        sa.UniqueConstraint('site_id', 'jti_hash', name=op.f('uq_sso_tokens_site_id_jti_hash')),
    )
    op.create_index(op.f('ix_sso_tokens_expires_at'), 'sso_tokens', ['expires_at'])
    op.create_table(
        'guest_comments',
        sa.Column('id', ID, nullable=False),
        sa.Column('site_id', ID, nullable=False),
        sa.Column('article_id', ID, nullable=False),
        sa.Column('parent_id', sa.BigInteger(), nullable=True),
        sa.Column('token_hash', sa.LargeBinary(length=32), nullable=False),
        sa.Column('email', sa.String(length=254), nullable=False),
        sa.Column('display_name', sa.String(length=200), nullable=False),
        sa.Column('body', sa.Text(), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('expires_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(['article_id'], ['articles.id'], name=op.f('fk_guest_comments_article_id_articles'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_guest_comments_site_id_sites'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_guest_comments')),
        sa.UniqueConstraint('token_hash', name=op.f('uq_guest_comments_token_hash')),
    )
    for column in ('article_id', 'email', 'expires_at', 'site_id'):
        op.create_index(op.f(f'ix_guest_comments_{column}'), 'guest_comments', [column])
    op.add_column('site_roles', sa.Column('via', sa.String(length=10), nullable=True))
    op.add_column('users', sa.Column('guest_since', TIME, nullable=True))


def downgrade() -> None:
    op.drop_column('users', 'guest_since')
    op.drop_column('site_roles', 'via')
    for table in ('guest_comments', 'sso_tokens', 'sso_keys', 'sso_settings', 'hand_overs', 'external_sign_ins', 'external_identities'):
        op.drop_table(table)
