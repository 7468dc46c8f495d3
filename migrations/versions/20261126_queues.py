"""articles have a section

Revision: 20261126qu
Follows: 20261126s
"""

import sqlalchemy as sa
from alembic import op

revision = '20261126qu'
down_revision = '20261126s'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Plain ALTER TABLE: a batch on SQLite would copy the table and drop the old one.
    op.add_column('articles', sa.Column('section', sa.String(length=100), server_default='', nullable=False))
    op.create_index(
        'ix_articles_section', 'articles', ['site_id', 'section'],
        postgresql_where=sa.text("section <> ''"), sqlite_where=sa.text("section <> ''"),
    )


def downgrade() -> None:
    op.drop_index('ix_articles_section', table_name='articles')
    op.execute('ALTER TABLE articles DROP COLUMN section')
