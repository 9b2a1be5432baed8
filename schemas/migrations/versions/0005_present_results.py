"""Which result of a photo is the present one: results can be set aside, undecided ones replaced by newer ones.

Revision: 0005, after 0004. The queue and its counts are made anew, because their decisions can say *replaced* now.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from schemas.migrations.types import BIG_ID, BINARY_TEXT

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None

BEFORE = "'undecided', 'approve', 'reject', 'redo'"
SINCE = "'undecided', 'replaced', 'approve', 'reject', 'redo'"
_KEPT = "work_item_id, code, collection_id, run_id, severity, value, decision, review_id"

_RESTORED = (
    "(SELECT d.{column} FROM derivative d WHERE d.work_item_id = w.id AND d.kind = 'restored' "
    "ORDER BY d.id LIMIT 1)"
)
_PRESENT = """
               CASE WHEN w.state IN ('done', 'skipped') AND NOT EXISTS (
                 SELECT 1 FROM work_item n
                 WHERE n.asset_id = w.asset_id AND n.state IN ('done', 'skipped')
                   AND ((n.set_aside = w.set_aside AND n.id > w.id) OR (w.set_aside AND NOT n.set_aside))
               ) THEN {true} ELSE {false} END AS present,"""
_RESULTS = f"""
        SELECT w.id AS work_item, a.id AS asset, c.name AS collection, a.key,
               NULLIF(w.input_sha, '') AS sha256, r.sha256 AS recipe, w.run_id AS run, w.state AS outcome,
               w.reason, w.error_class, w.tier, w.attempts, w.seconds, w.finished_at,
               {_RESTORED.format(column="uri")} AS restored,
               {_RESTORED.format(column="sha256")} AS restored_sha256,
               m.uri AS mask, m.coverage AS mask_coverage, m.components AS mask_components,{{present}}
               q.decision, q.severity AS gravity
        FROM work_item w
        JOIN asset a ON a.id = w.asset_id
        JOIN collection c ON c.id = a.collection_id
        JOIN recipe r ON r.id = w.recipe_id
        LEFT JOIN mask m ON m.work_item_id = w.id
        LEFT JOIN queue_entry q ON q.work_item_id = w.id AND q.code = ''
"""


def upgrade() -> None:
    """Add the column; queue anew, with what another result has replaced; let the view say which is present."""
    op.execute("DROP VIEW results")
    op.add_column(
        "work_item", sa.Column("set_aside", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    _queue_anew(SINCE, "decision")
    op.execute(
        "UPDATE queue_entry SET decision = 'replaced' WHERE decision = 'undecided' AND EXISTS ("
        "SELECT 1 FROM work_item w JOIN work_item n ON n.asset_id = w.asset_id AND n.id > w.id "
        "AND n.state IN ('done', 'skipped') WHERE w.id = queue_entry.work_item_id)"
    )
    _count_anew(SINCE)
    sqlite = op.get_bind().dialect.name == "sqlite"
    present = _PRESENT.format(true="1" if sqlite else "TRUE", false="0" if sqlite else "FALSE")
    op.execute(f"CREATE VIEW results AS {_RESULTS.format(present=present)}")


def downgrade() -> None:
    """Take it back: what was replaced is undecided again."""
    op.execute("DROP VIEW results")
    _queue_anew(BEFORE, "CASE decision WHEN 'replaced' THEN 'undecided' ELSE decision END")
    _count_anew(BEFORE)
    op.drop_column("work_item", "set_aside")
    op.execute(f"CREATE VIEW results AS {_RESULTS.format(present='')}")


def _queue_anew(standings: str, decision: str) -> None:
    """Make the table again, with another check: SQLite cannot change one."""
    op.execute(f"CREATE TABLE queue_before AS SELECT {_KEPT} FROM queue_entry")
    op.drop_table("queue_entry")
    op.create_table(
        "queue_entry",
        sa.Column("work_item_id", BIG_ID, nullable=False),
        sa.Column("code", BINARY_TEXT, nullable=False),
        sa.Column("collection_id", BIG_ID, nullable=False),
        sa.Column("run_id", BIG_ID, nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("decision", sa.String(length=9), nullable=False),
        sa.Column("review_id", BIG_ID, nullable=True),
        sa.CheckConstraint(f"decision IN ({standings})", name=op.f("ck_queue_entry_decision_known")),
        _refers("queue_entry", "work_item_id", "work_item"),
        _refers("queue_entry", "collection_id", "collection"),
        _refers("queue_entry", "run_id", "run"),
        _refers("queue_entry", "review_id", "review"),
        sa.PrimaryKeyConstraint("work_item_id", "code", name=op.f("pk_queue_entry")),
    )
    op.execute(
        f"INSERT INTO queue_entry ({_KEPT}) SELECT work_item_id, code, collection_id, run_id, severity, value, "
        f"{decision}, review_id FROM queue_before ORDER BY work_item_id, code"
    )
    op.drop_table("queue_before")
    for first in ((), ("collection_id",), ("run_id",)):
        columns = [*first, "code", "decision", "severity", "work_item_id"]
        op.create_index(op.f("ix_queue_entry_" + "_".join(columns)), "queue_entry", columns, unique=False)
    op.create_index(
        "ix_queue_entry_value",
        "queue_entry",
        ["code", "decision", "value", "work_item_id"],
        unique=False,
        sqlite_where=sa.text("code <> ''"),
        postgresql_where=sa.text("code <> ''"),
    )


def _count_anew(standings: str) -> None:
    op.drop_table("tally")
    op.create_table(
        "tally",
        sa.Column("run_id", BIG_ID, nullable=False),
        sa.Column("code", BINARY_TEXT, nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("decision", sa.String(length=9), nullable=False),
        sa.Column("collection_id", BIG_ID, nullable=False),
        sa.Column("photos", sa.Integer(), nullable=False),
        sa.Column("value_sum", sa.Double(), nullable=False),
        sa.Column("lowest", sa.Double(), nullable=False),
        sa.Column("highest", sa.Double(), nullable=False),
        sa.CheckConstraint(f"decision IN ({standings})", name=op.f("ck_tally_decision_known")),
        _refers("tally", "run_id", "run"),
        _refers("tally", "collection_id", "collection"),
        sa.PrimaryKeyConstraint("run_id", "code", "severity", "decision", name=op.f("pk_tally")),
    )
    op.execute(
        "INSERT INTO tally "
        "(run_id, code, severity, decision, collection_id, photos, value_sum, lowest, highest) "
        "SELECT run_id, code, severity, decision, MIN(collection_id), COUNT(*), SUM(value), MIN(value), "
        "MAX(value) FROM queue_entry GROUP BY run_id, code, severity, decision"
    )


def _refers(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}_{other}"))
