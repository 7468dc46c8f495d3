"""sections, what queues are filtered and ordered by, saved filters, groups of articles, full-text search

Revision: 20261126qu
Follows: 20261126s
"""

import sqlalchemy as sa
from alembic import op

revision = '20261126qu'
down_revision = '20261126s'
branch_labels = None
depends_on = None

HELD = sa.text("status = 'held'")
# Only of what is held: a comment with nothing wrong is in none of them.
HELD_INDEXES = {
    'ix_comments_held_due': ['site_id', 'status', 'due', 'id'],
    'ix_comments_held_article_due': ['article_id', 'status', 'due', 'id'],
    'ix_comments_held_section_due': ['site_id', 'section', 'status', 'due', 'id'],
    'ix_comments_held_section': ['site_id', 'section', 'status', 'created_at', 'id'],
    'ix_comments_held_label_due': ['site_id', 'label', 'status', 'due', 'id'],
    'ix_comments_held_label': ['site_id', 'label', 'status', 'created_at', 'id'],
    'ix_comments_held_language_due': ['site_id', 'language', 'status', 'due', 'id'],
    'ix_comments_held_language': ['site_id', 'language', 'status', 'created_at', 'id'],
}
# What they are of, their columns so far, and those they have now: all that is asked of a row, so that none is read.
QUEUE_INDEXES = {
    'ix_comments_flagged': ('flag_count > 0', ['site_id', 'created_at', 'id'], ['site_id', 'created_at', 'id', 'status', 'flag_count']),
    'ix_comments_new': (
        "status = 'published' AND reviewed_at IS NULL",
        ['site_id', 'created_at', 'id'], ['site_id', 'status', 'created_at', 'id', 'reviewed_at'],
    ),
    'ix_comments_approved': (
        "status = 'published' AND reviewed_at IS NOT NULL",
        ['site_id', 'reviewed_at', 'id'], ['site_id', 'status', 'reviewed_at', 'id'],
    ),
}
# Hours since 2020: a comment that waits already stands where a plain one would that was posted when it was.
DUE = {
    'sqlite': "UPDATE comments SET due = (julianday(created_at) - julianday('2020-01-01')) * 24 WHERE status = 'held' OR flag_count > 0",
    'postgresql': "UPDATE comments SET due = extract(epoch FROM created_at - timestamptz '2020-01-01 00:00:00+00') / 3600 "
    "WHERE status = 'held' OR flag_count > 0",
}

BREAKS = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~"
FTS = "content_rowid='id', columnsize=0, tokenize=\"unicode61 remove_diacritics 0\""
SEARCH = {
    'sqlite': (
        f"CREATE VIRTUAL TABLE search_comments USING fts5(site_id, body, content='comments', {FTS})",
        f"CREATE VIRTUAL TABLE search_people USING fts5(display_name, content='users', {FTS})",
        """CREATE TRIGGER search_comments_added AFTER INSERT ON comments BEGIN
    INSERT INTO search_comments (rowid, site_id, body) VALUES (new.id, new.site_id, new.body);
END""",
        """CREATE TRIGGER search_comments_gone AFTER DELETE ON comments BEGIN
    INSERT INTO search_comments (search_comments, rowid, site_id, body) VALUES ('delete', old.id, old.site_id, old.body);
END""",
        """CREATE TRIGGER search_comments_changed AFTER UPDATE OF body ON comments WHEN old.body IS NOT new.body BEGIN
    INSERT INTO search_comments (search_comments, rowid, site_id, body) VALUES ('delete', old.id, old.site_id, old.body);
    INSERT INTO search_comments (rowid, site_id, body) VALUES (new.id, new.site_id, new.body);
END""",
        """CREATE TRIGGER search_people_added AFTER INSERT ON users BEGIN
    INSERT INTO search_people (rowid, display_name) VALUES (new.id, new.display_name);
END""",
        """CREATE TRIGGER search_people_gone AFTER DELETE ON users BEGIN
    INSERT INTO search_people (search_people, rowid, display_name) VALUES ('delete', old.id, old.display_name);
END""",
        """CREATE TRIGGER search_people_changed AFTER UPDATE OF display_name ON users WHEN old.display_name IS NOT new.display_name BEGIN
    INSERT INTO search_people (search_people, rowid, display_name) VALUES ('delete', old.id, old.display_name);
    INSERT INTO search_people (rowid, display_name) VALUES (new.id, new.display_name);
END""",
        "INSERT INTO search_comments (search_comments) VALUES ('rebuild')",
        "INSERT INTO search_people (search_people) VALUES ('rebuild')",
    ),
    'postgresql': tuple(
        f"CREATE INDEX {name} ON {table} USING gin "
        f"(to_tsvector('simple'::regconfig, translate({column}, '{BREAKS}', '{' ' * len(BREAKS)}')))"
        for name, table, column in (('search_comments', 'comments', 'body'), ('search_people', 'users', 'display_name'))
    ),
}


def big() -> sa.types.TypeEngine:
    return sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    database = op.get_context().dialect.name
    # Plain ALTER TABLE: a batch on SQLite would copy the table and drop the old one.
    op.add_column('articles', sa.Column('section', sa.String(length=100), server_default='', nullable=False))
    op.create_index(
        'ix_articles_section', 'articles', ['site_id', 'section'],
        postgresql_where=sa.text("section <> ''"), sqlite_where=sa.text("section <> ''"),
    )
    op.add_column('comments', sa.Column('section', sa.String(length=100), server_default='', nullable=False))
    op.add_column('comments', sa.Column('language', sa.String(length=10), server_default='', nullable=False))
    op.add_column('comments', sa.Column('label', sa.String(length=30), server_default='', nullable=False))
    op.add_column('comments', sa.Column('due', sa.Float(precision=53), server_default='0', nullable=False))
    op.execute(DUE[database])
    for name, columns in HELD_INDEXES.items():
        op.create_index(name, 'comments', columns, postgresql_where=HELD, sqlite_where=HELD)
    op.create_index(
        'ix_comments_flagged_due', 'comments', ['site_id', 'due', 'id', 'status', 'flag_count'],
        postgresql_where=sa.text('flag_count > 0'), sqlite_where=sa.text('flag_count > 0'),
    )
    for name, (where, _, columns) in QUEUE_INDEXES.items():
        op.drop_index(name, table_name='comments')
        op.create_index(name, 'comments', columns, postgresql_where=sa.text(where), sqlite_where=sa.text(where))
    op.create_index('ix_comments_article', 'comments', ['article_id', 'status', 'created_at', 'id'])
    op.create_index(
        'ix_comments_named', 'comments', ['site_id', 'author_role', 'status', 'created_at', 'id'],
        postgresql_where=sa.text("author_role <> 'member'"), sqlite_where=sa.text("author_role <> 'member'"),
    )
    op.create_table(
        'saved_filters',
        sa.Column('id', big(), nullable=False),
        sa.Column('site_id', big(), nullable=False),
        sa.Column('name', sa.String(length=200), nullable=False),
        sa.Column('name_key', sa.String(length=600), nullable=False),
        sa.Column('queue', sa.String(length=20), nullable=False),
        sa.Column('filters', sa.JSON(), nullable=False),
        sa.Column('sort', sa.String(length=20), nullable=False),
        sa.Column('created_by_id', big(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_saved_filters_site_id_sites'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['created_by_id'], ['users.id'], name=op.f('fk_saved_filters_created_by_id_users'), ondelete='SET NULL'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_saved_filters')),
        sa.UniqueConstraint('site_id', 'name_key', name=op.f('uq_saved_filters_site_id_name_key')),
    )
    op.create_table(
        'article_groups',
        sa.Column('id', big(), nullable=False),
        sa.Column('site_id', big(), nullable=False),
        sa.Column('name', sa.String(length=200), nullable=False),
        sa.Column('name_key', sa.String(length=600), nullable=False),
        sa.Column('created_by_id', big(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_article_groups_site_id_sites'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['created_by_id'], ['users.id'], name=op.f('fk_article_groups_created_by_id_users'), ondelete='SET NULL'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_article_groups')),
        sa.UniqueConstraint('site_id', 'name_key', name=op.f('uq_article_groups_site_id_name_key')),
    )
    op.create_table(
        'grouped_articles',
        sa.Column('id', big(), nullable=False),
        sa.Column('site_id', big(), nullable=False),
        sa.Column('group_id', big(), nullable=False),
        sa.Column('article_id', big(), nullable=False),
        sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_grouped_articles_site_id_sites'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['group_id'], ['article_groups.id'], name=op.f('fk_grouped_articles_group_id_article_groups'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['article_id'], ['articles.id'], name=op.f('fk_grouped_articles_article_id_articles'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_grouped_articles')),
        sa.UniqueConstraint('site_id', 'group_id', 'article_id', name=op.f('uq_grouped_articles_site_id_group_id_article_id')),
    )
    op.create_index(op.f('ix_grouped_articles_group_id'), 'grouped_articles', ['group_id'])
    op.create_index(op.f('ix_grouped_articles_article_id'), 'grouped_articles', ['article_id'])
    for statement in SEARCH[database]:
        op.execute(sa.text(statement.replace(':', r'\:')))


def downgrade() -> None:
    if op.get_context().dialect.name == 'sqlite':
        for table in ('search_comments', 'search_people'):
            for what in ('added', 'gone', 'changed'):
                op.execute(f'DROP TRIGGER {table}_{what}')
            op.execute(f'DROP TABLE {table}')
    else:
        op.drop_index('search_comments', table_name='comments')
        op.drop_index('search_people', table_name='users')
    op.drop_table('grouped_articles')
    op.drop_table('article_groups')
    op.drop_table('saved_filters')
    for name in ('ix_comments_named', 'ix_comments_article', 'ix_comments_flagged_due', *HELD_INDEXES):
        op.drop_index(name, table_name='comments')
    for name, (where, columns, _) in QUEUE_INDEXES.items():
        op.drop_index(name, table_name='comments')
        op.create_index(name, 'comments', columns, postgresql_where=sa.text(where), sqlite_where=sa.text(where))
    for name in ('due', 'label', 'language', 'section'):
        op.execute(f'ALTER TABLE comments DROP COLUMN {name}')
    op.drop_index('ix_articles_section', table_name='articles')
    op.execute('ALTER TABLE articles DROP COLUMN section')
