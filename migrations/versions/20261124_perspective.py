"""a key's own quota, and scores that clients suggest

Revision: 20261124b
Follows: 20261124a
"""

import sqlalchemy as sa
from alembic import op

revision = '20261124b'
down_revision = '20261124a'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Plain ALTER TABLE: a batch on SQLite drops the old table, and what refers to it with it.
    op.add_column('api_keys', sa.Column('quota', sa.String(length=100), nullable=True))
    op.create_table('score_suggestions',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('key_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('fingerprint', sa.LargeBinary(length=32), nullable=True),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('attribute', sa.String(length=64), nullable=False),
    sa.Column('score', sa.Double(), nullable=True),
    sa.Column('spans', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('languages', sa.String(length=200), nullable=False),
    sa.Column('community_id', sa.String(length=500), nullable=True),
    sa.Column('client_token', sa.String(length=500), nullable=True),
    sa.Column('training_consent', sa.Boolean(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['key_id'], ['api_keys.id'], name=op.f('fk_score_suggestions_key_id_api_keys'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_score_suggestions')),
    sa.UniqueConstraint('fingerprint', name=op.f('uq_score_suggestions_fingerprint'))
    )
    op.create_index(op.f('ix_score_suggestions_key_id'), 'score_suggestions', ['key_id'])


def downgrade() -> None:
    op.drop_table('score_suggestions')
    op.execute('ALTER TABLE api_keys DROP COLUMN quota')
