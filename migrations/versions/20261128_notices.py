"""statements of reasons for edits that were rejected, and notices of illegal content

Revision: 20261128nt
Follows: 20261128pf
"""

import sqlalchemy as sa
from alembic import op

revision = '20261128nt'
down_revision = '20261128pf'
branch_labels = None
depends_on = None

# What is unique stays so among what the release before writes, which knows no statement of an edit.
RELAXES = {'ux_statements_live': 'a comment and its rejected edits each have a statement'}

ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
TIME = sa.DateTime(timezone=True)
BEFORE = sa.text('ended_at IS NULL AND comment_id IS NOT NULL')
LIVE = sa.text('ended_at IS NULL AND comment_id IS NOT NULL AND revision IS NULL')


def upgrade() -> None:
    op.add_column('statements', sa.Column('revision', sa.Integer(), nullable=True))
    op.drop_index('ux_statements_live', 'statements')
    op.create_index('ux_statements_live', 'statements', ['comment_id'], unique=True, postgresql_where=LIVE, sqlite_where=LIVE)
    op.add_column('comments', sa.Column('notice_count', sa.Integer(), server_default='0', nullable=False))
    op.create_table(
        'legal_notices',
        sa.Column('id', ID, nullable=False),
        sa.Column('puid', sa.String(length=36), nullable=False),
        sa.Column('site_id', ID, nullable=False),
        sa.Column('comment_id', ID, nullable=False),
        sa.Column('revision', sa.Integer(), nullable=False),
        sa.Column('user_id', ID, nullable=True),
        sa.Column('kind', sa.String(length=20), nullable=False),
        sa.Column('explanation', sa.Text(), nullable=False),
        sa.Column('name', sa.String(length=200), server_default=sa.text("''"), nullable=False),
        sa.Column('email', sa.String(length=254), server_default=sa.text("''"), nullable=False),
        sa.Column('language', sa.String(length=10), nullable=False),
        sa.Column('status', sa.String(length=20), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('decided_at', TIME, nullable=True),
        sa.Column('decided_by_id', ID, nullable=True),
        sa.Column('decision_id', ID, nullable=True),
        sa.Column('answer', sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column('mail_id', ID, nullable=True),
        sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_legal_notices_site_id_sites'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['comment_id'], ['comments.id'], name=op.f('fk_legal_notices_comment_id_comments'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_legal_notices_user_id_users'), ondelete='SET NULL'),
        sa.ForeignKeyConstraint(['decided_by_id'], ['users.id'], name=op.f('fk_legal_notices_decided_by_id_users')),
        sa.ForeignKeyConstraint(['decision_id'], ['decisions.id'], name=op.f('fk_legal_notices_decision_id_decisions')),
        sa.ForeignKeyConstraint(['mail_id'], ['mails.id'], name=op.f('fk_legal_notices_mail_id_mails'), ondelete='SET NULL'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_legal_notices')),
        sa.UniqueConstraint('puid', name=op.f('uq_legal_notices_puid')),
    )
    op.create_index(op.f('ix_legal_notices_site_id_status_created_at_id'), 'legal_notices', ['site_id', 'status', 'created_at', 'id'])
    op.create_index(op.f('ix_legal_notices_comment_id_id'), 'legal_notices', ['comment_id', 'id'])
    op.create_index(op.f('ix_legal_notices_user_id_id'), 'legal_notices', ['user_id', 'id'])
    op.create_index(op.f('ix_legal_notices_decision_id'), 'legal_notices', ['decision_id'])
    op.create_index(op.f('ix_legal_notices_mail_id'), 'legal_notices', ['mail_id'])


def downgrade() -> None:
    op.drop_table('legal_notices')
    op.drop_column('comments', 'notice_count')
    op.execute(sa.text('DELETE FROM announcements WHERE statement_id IN (SELECT id FROM statements WHERE revision IS NOT NULL)'))
    op.execute(sa.text('DELETE FROM notifications WHERE statement_id IN (SELECT id FROM statements WHERE revision IS NOT NULL)'))
    op.execute(sa.text('DELETE FROM appeals WHERE statement_id IN (SELECT id FROM statements WHERE revision IS NOT NULL)'))
    op.execute(sa.text('DELETE FROM statements WHERE revision IS NOT NULL'))
    op.drop_index('ux_statements_live', 'statements')
    op.create_index('ux_statements_live', 'statements', ['comment_id'], unique=True, postgresql_where=BEFORE, sqlite_where=BEFORE)
    op.drop_column('statements', 'revision')
