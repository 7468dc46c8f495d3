"""statements of reasons for what is rejected, and appeals against them

Revision: 20261126ap
Follows: 20261126s
"""

import sqlalchemy as sa
from alembic import op

revision = '20261126ap'
down_revision = '20261126s'
branch_labels = None
depends_on = None

LIVE = sa.text('ended_at IS NULL AND comment_id IS NOT NULL')


def big_id() -> sa.types.TypeEngine:
    return sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.create_table(
        'statements',
        sa.Column('id', big_id(), nullable=False),
        sa.Column('puid', sa.String(length=36), nullable=False),
        sa.Column('site_id', big_id(), nullable=False),
        sa.Column('user_id', big_id(), nullable=False),
        sa.Column('comment_id', big_id(), nullable=True),
        sa.Column('decision_id', big_id(), nullable=True),
        sa.Column('reason', sa.String(length=40), nullable=False),
        sa.Column('decision_visibility', sa.String(length=60), nullable=True),
        sa.Column('decision_provision', sa.String(length=60), nullable=True),
        sa.Column('decision_account', sa.String(length=60), nullable=True),
        sa.Column('decision_ground', sa.String(length=60), nullable=False),
        sa.Column('ground', sa.String(length=500), nullable=False),
        sa.Column('explanation', sa.Text(), nullable=False),
        sa.Column('decision_facts', sa.Text(), nullable=False),
        sa.Column('category', sa.String(length=100), nullable=False),
        sa.Column('content_date', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('end_date', sa.DateTime(timezone=True), nullable=True),
        sa.Column('source_type', sa.String(length=60), nullable=False),
        sa.Column('automated_detection', sa.Boolean(), nullable=False),
        sa.Column('automated_decision', sa.String(length=60), nullable=False),
        sa.Column('appeal_until', sa.DateTime(timezone=True), nullable=False),
        sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('ended_by_id', big_id(), nullable=True),
        sa.Column('ending', sa.String(length=20), nullable=True),
        sa.Column('told', sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column('mail_id', big_id(), nullable=True),
        sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_statements_site_id_sites'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_statements_user_id_users')),
        sa.ForeignKeyConstraint(['comment_id'], ['comments.id'], name=op.f('fk_statements_comment_id_comments'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['decision_id'], ['decisions.id'], name=op.f('fk_statements_decision_id_decisions')),
        sa.ForeignKeyConstraint(['ended_by_id'], ['decisions.id'], name=op.f('fk_statements_ended_by_id_decisions')),
        sa.ForeignKeyConstraint(['mail_id'], ['mails.id'], name=op.f('fk_statements_mail_id_mails'), ondelete='SET NULL'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_statements')),
        sa.UniqueConstraint('puid', name=op.f('uq_statements_puid')),
    )
    op.create_index(op.f('ix_statements_site_id_id'), 'statements', ['site_id', 'id'])
    op.create_index(op.f('ix_statements_user_id_id'), 'statements', ['user_id', 'id'])
    op.create_index(op.f('ix_statements_comment_id'), 'statements', ['comment_id'])
    op.create_index(op.f('ix_statements_mail_id'), 'statements', ['mail_id'])
    op.create_index('ux_statements_live', 'statements', ['comment_id'], unique=True, postgresql_where=LIVE, sqlite_where=LIVE)
    op.create_table(
        'appeals',
        sa.Column('id', big_id(), nullable=False),
        sa.Column('site_id', big_id(), nullable=False),
        sa.Column('statement_id', big_id(), nullable=False),
        sa.Column('user_id', big_id(), nullable=False),
        sa.Column('text', sa.Text(), nullable=False),
        sa.Column('status', sa.String(length=20), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('decided_by_id', big_id(), nullable=True),
        sa.Column('decision_id', big_id(), nullable=True),
        sa.Column('answer', sa.Text(), server_default='', nullable=False),
        sa.Column('alone', sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column('mail_id', big_id(), nullable=True),
        sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_appeals_site_id_sites'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['statement_id'], ['statements.id'], name=op.f('fk_appeals_statement_id_statements'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_appeals_user_id_users')),
        sa.ForeignKeyConstraint(['decided_by_id'], ['users.id'], name=op.f('fk_appeals_decided_by_id_users')),
        sa.ForeignKeyConstraint(['decision_id'], ['decisions.id'], name=op.f('fk_appeals_decision_id_decisions')),
        sa.ForeignKeyConstraint(['mail_id'], ['mails.id'], name=op.f('fk_appeals_mail_id_mails'), ondelete='SET NULL'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_appeals')),
        sa.UniqueConstraint('statement_id', name=op.f('uq_appeals_statement_id')),
    )
    op.create_index(op.f('ix_appeals_site_id_status_due_at_id'), 'appeals', ['site_id', 'status', 'due_at', 'id'])
    op.create_index(op.f('ix_appeals_user_id_id'), 'appeals', ['user_id', 'id'])
    op.create_index(op.f('ix_appeals_decision_id'), 'appeals', ['decision_id'])
    op.create_index(op.f('ix_appeals_mail_id'), 'appeals', ['mail_id'])


def downgrade() -> None:
    op.drop_table('appeals')
    op.drop_table('statements')
