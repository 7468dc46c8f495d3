"""the audit log, and since when somebody holds a role

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
    # Plain ALTER TABLE: a batch on SQLite would copy the table and drop the old one.
    op.add_column('site_roles', sa.Column('granted_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('site_roles', sa.Column('granted_by_id', sa.BigInteger(), nullable=True))


def downgrade() -> None:
    for column in ('granted_by_id', 'granted_at'):
        op.execute(f'ALTER TABLE site_roles DROP COLUMN {column}')
    op.drop_table('audit_head')
    op.drop_table('audit_entries')
