"""statements of reasons for edits that were rejected, and notices of illegal content

Revision: 20261128nt
Follows: 20261128hi
"""

import sqlalchemy as sa
from alembic import op

revision = '20261128nt'
down_revision = '20261128hi'
branch_labels = None
depends_on = None

# What is unique stays so among what the release before writes, which knows no statement of an edit.
RELAXES = {'ux_statements_live': 'a comment and its rejected edits each have a statement'}

BEFORE = sa.text('ended_at IS NULL AND comment_id IS NOT NULL')
LIVE = sa.text('ended_at IS NULL AND comment_id IS NOT NULL AND revision IS NULL')


def upgrade() -> None:
    op.add_column('statements', sa.Column('revision', sa.Integer(), nullable=True))
    op.drop_index('ux_statements_live', 'statements')
    op.create_index('ux_statements_live', 'statements', ['comment_id'], unique=True, postgresql_where=LIVE, sqlite_where=LIVE)


def downgrade() -> None:
    op.execute(sa.text('DELETE FROM announcements WHERE statement_id IN (SELECT id FROM statements WHERE revision IS NOT NULL)'))
    op.execute(sa.text('DELETE FROM notifications WHERE statement_id IN (SELECT id FROM statements WHERE revision IS NOT NULL)'))
    op.execute(sa.text('DELETE FROM appeals WHERE statement_id IN (SELECT id FROM statements WHERE revision IS NOT NULL)'))
    op.execute(sa.text('DELETE FROM statements WHERE revision IS NOT NULL'))
    op.drop_index('ux_statements_live', 'statements')
    op.create_index('ux_statements_live', 'statements', ['comment_id'], unique=True, postgresql_where=BEFORE, sqlite_where=BEFORE)
    op.drop_column('statements', 'revision')
