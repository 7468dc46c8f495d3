"""how much readers differ about a comment, and what was published last

Revision: 20261126rd
Follows: 20261126fi
"""

import sqlalchemy as sa
from alembic import op

revision = '20261126rd'
down_revision = '20261126fi'
branch_labels = None
depends_on = None

ROOTS, LATEST = sa.text('parent_id IS NULL AND listed'), sa.text("status = 'published'")
INDEXES = {
    'ix_comments_roots_by_controversy': (['article_id', 'controversy', 'id'], ROOTS, sa.text('parent_id IS NULL AND listed = 1')),
    'ix_comments_latest': (['site_id', 'published_at', 'id'], LATEST, LATEST),
    'ix_comments_latest_of_article': (['article_id', 'published_at', 'id'], LATEST, LATEST),
}


def upgrade() -> None:
    op.add_column('comments', sa.Column('controversy', sa.Float(53), server_default='0', nullable=False))
    comments = sa.table(
        'comments', *(sa.column(name) for name in ('id', 'up', 'down', 'controversy', 'external_id', 'created_at', 'published_at'))
    )
    # Counted here, not in SQL: SQLite may have been built without powers. (Rows that are only printed have none.)
    disputed = [] if op.get_context().as_sql else op.get_bind().execute(
        sa.select(comments.c.id, comments.c.up, comments.c.down).where(comments.c.up > 0, comments.c.down > 0)
    ).all()
    if disputed:
        op.get_bind().execute(
            sa.update(comments).where(comments.c.id == sa.bindparam('row')).values(controversy=sa.bindparam('value')),
            [{'row': id_, 'value': float((up + down) ** (min(up, down) / max(up, down)))} for id_, up, down in disputed],
        )
    # What was imported was published where it came from.
    op.execute(
        sa.update(comments)
        .where(comments.c.external_id.is_not(None), comments.c.published_at.is_not(None))
        .values(published_at=comments.c.created_at)
    )
    for name, (columns, on_postgresql, on_sqlite) in INDEXES.items():
        op.create_index(name, 'comments', columns, postgresql_where=on_postgresql, sqlite_where=on_sqlite)


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, table_name='comments')
    op.execute('ALTER TABLE comments DROP COLUMN controversy')
