"""indexes: old suggestions, and the mails an address had

Revision: 20261124c
Follows: 20261124b
"""

from alembic import op

revision = '20261124c'
down_revision = '20261124b'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f('ix_score_suggestions_created_at'), 'score_suggestions', ['created_at'])
    op.create_index('ix_mails_recipient_created_at', 'mails', ['recipient', 'created_at'])


def downgrade() -> None:
    op.drop_index('ix_mails_recipient_created_at', 'mails')
    op.drop_index(op.f('ix_score_suggestions_created_at'), 'score_suggestions')
