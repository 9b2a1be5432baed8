"""The view ``photos`` takes the place where a photo was seen last by the order of runs, not by the clock.

Revision: 0007, after 0006. Data stay as they are: each place has the run that saw it last since 0001.
"""

from __future__ import annotations

from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None

BEFORE = "x.last_seen DESC, x.id DESC"
SINCE = f"COALESCE(x.last_seen_run_id, 0) DESC, {BEFORE}"

_PHOTOS = """
        SELECT a.id AS asset, c.name AS collection, a.key, o.sha256, l.uri, l.size, o.format, o.width,
               o.height, o.bit_depth, l.first_seen, l.last_seen, l.error
        FROM asset a
        JOIN collection c ON c.id = a.collection_id
        LEFT JOIN location l ON l.id = (
          SELECT x.id FROM location x WHERE x.asset_id = a.id ORDER BY {order} LIMIT 1)
        LEFT JOIN content o ON o.id = l.content_id
"""


def upgrade() -> None:
    """Let the view order places by the run that saw them."""
    _view(SINCE)


def downgrade() -> None:
    """Let it order them by the clock again."""
    _view(BEFORE)


def _view(order: str) -> None:
    """Make the view anew; on PostgreSQL in its place, so that rights to it and views upon it stay."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP VIEW photos")
        op.execute(f"CREATE VIEW photos AS {_PHOTOS.format(order=order)}")
        return
    op.execute(f"CREATE OR REPLACE VIEW photos AS {_PHOTOS.format(order=order)}")
