"""SQLite refuses `INSERT OR REPLACE` as well where tables only grow: it deletes the row before without a trigger.

Revision: 0006, after 0005. PostgreSQL knows no such statement: its `ON CONFLICT … DO UPDATE` is an UPDATE to the
triggers of 0002.
"""

from __future__ import annotations

from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None

UNIQUE = {"review": ("id", "undoes"), "audit": ("id", "previous_sha256")}
"""Columns by which a new row could take the place of an older one."""


def upgrade() -> None:
    """Refuse rows that would take the place of others."""
    if op.get_bind().dialect.name != "sqlite":
        return
    for table, columns in UNIQUE.items():
        taken = " OR ".join(f"{column} = NEW.{column}" for column in columns)
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {taken}) "
            f"BEGIN SELECT RAISE(ABORT, 'the table {table} only grows'); END"
        )


def downgrade() -> None:
    """Take the triggers away."""
    if op.get_bind().dialect.name != "sqlite":
        return
    for table in UNIQUE:
        op.execute(f"DROP TRIGGER {table}_no_replace")
