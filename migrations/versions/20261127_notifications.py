"""notifications, what is announced, followed conversations, how people want to be told

Revision: 20261127no
Follows: 20261127la
"""

import sqlalchemy as sa
from alembic import op

revision = '20261127no'
down_revision = '20261127la'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column('users', sa.Column('follow_on_post', sa.Boolean(), server_default=sa.true(), nullable=False))
    op.create_table(
        'notification_wishes',
        sa.Column('user_id', ID, autoincrement=False, nullable=False),
        sa.Column('kind', sa.String(length=20), nullable=False),
        sa.Column('widget', sa.Boolean(), nullable=False),
        sa.Column('mail', sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_notification_wishes_user_id_users'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('user_id', 'kind', name=op.f('pk_notification_wishes')),
    )
    op.create_table(
        'announcements',
        sa.Column('id', ID, nullable=False),
        sa.Column('what', sa.String(length=20), nullable=False),
        sa.Column('site_id', ID, nullable=False),
        sa.Column('comment_id', ID, nullable=False),
        sa.Column('statement_id', ID, nullable=True),
        sa.Column('position', ID, nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('due_at', TIME, nullable=False),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(['comment_id'], ['comments.id'], name=op.f('fk_announcements_comment_id_comments'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_announcements_site_id_sites'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['statement_id'], ['statements.id'], name=op.f('fk_announcements_statement_id_statements'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_announcements')),
    )
    op.create_index(op.f('ix_announcements_due_at_id'), 'announcements', ['due_at', 'id'])
    op.create_table(
        'follows',
        sa.Column('id', ID, nullable=False),
        sa.Column('user_id', ID, nullable=False),
        sa.Column('site_id', ID, nullable=False),
        sa.Column('article_id', ID, nullable=False),
        sa.Column('active', sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column('since', TIME, nullable=False),
        sa.ForeignKeyConstraint(['article_id'], ['articles.id'], name=op.f('fk_follows_article_id_articles'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_follows_site_id_sites'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_follows_user_id_users'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_follows')),
        sa.UniqueConstraint('user_id', 'article_id', name=op.f('uq_follows_user_id_article_id')),
    )
    op.create_index(op.f('ix_follows_user_id_id'), 'follows', ['user_id', 'id'])
    op.create_index(
        'ix_follows_of_article', 'follows', ['article_id', 'id'],
        postgresql_where=sa.text('active'), sqlite_where=sa.text('active = 1'),
    )
    op.create_table(
        'notifications',
        sa.Column('id', ID, nullable=False),
        sa.Column('user_id', ID, nullable=False),
        sa.Column('kind', sa.String(length=20), nullable=False),
        sa.Column('subject', sa.String(length=60), nullable=False),
        sa.Column('site_id', ID, nullable=False),
        sa.Column('comment_id', ID, nullable=False),
        sa.Column('statement_id', ID, nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('shown', sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column('read_at', TIME, nullable=True),
        sa.Column('mail_at', TIME, nullable=True),
        sa.Column('mail_id', ID, nullable=True),
        sa.ForeignKeyConstraint(['comment_id'], ['comments.id'], name=op.f('fk_notifications_comment_id_comments'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['mail_id'], ['mails.id'], name=op.f('fk_notifications_mail_id_mails'), ondelete='SET NULL'),
        sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_notifications_site_id_sites'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['statement_id'], ['statements.id'], name=op.f('fk_notifications_statement_id_statements'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_notifications_user_id_users'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_notifications')),
        sa.UniqueConstraint('user_id', 'subject', name=op.f('uq_notifications_user_id_subject')),
    )
    op.create_index(op.f('ix_notifications_user_id_id'), 'notifications', ['user_id', 'id'])
    op.create_index(op.f('ix_notifications_comment_id'), 'notifications', ['comment_id'])
    op.create_index(op.f('ix_notifications_created_at'), 'notifications', ['created_at'])
    op.create_index(op.f('ix_notifications_mail_id'), 'notifications', ['mail_id'])
    op.create_index(op.f('ix_notifications_statement_id'), 'notifications', ['statement_id'])
    op.create_index(
        'ix_notifications_unread', 'notifications', ['user_id', 'id'],
        postgresql_where=sa.text('read_at IS NULL AND shown'), sqlite_where=sa.text('read_at IS NULL AND shown = 1'),
    )
    op.create_index(
        'ix_notifications_mail_at', 'notifications', ['mail_at', 'id'],
        postgresql_where=sa.text('mail_at IS NOT NULL'), sqlite_where=sa.text('mail_at IS NOT NULL'),
    )


def downgrade() -> None:
    for name in ('notifications', 'follows', 'announcements', 'notification_wishes'):
        op.drop_table(name)
    op.drop_column('users', 'follow_on_post')
