"""The review desk: accounts, reviews, redo requests, lots, the queue with its counts, and the audit chain.

Revision: 0002, after 0001. Going down loses what people decided.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from schemas.migrations.types import BIG_ID, BINARY_TEXT, INSTANT, JSON_DOCUMENT

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

APPEND_ONLY = ("review", "audit")
STANDINGS = "decision IN ('undecided', 'approve', 'reject', 'redo')"


def upgrade() -> None:
    """Make the tables, guard the append-only ones, and queue what has ended already."""
    _people()
    _lots()
    _queue()
    _audit()
    _guard()
    _queue_what_ended()


def downgrade() -> None:
    """Drop the tables, those that refer to others first."""
    _unguard()
    for table in (
        "audit",
        "tally",
        "queue_entry",
        "qc_member",
        "qc_lot",
        "redo_request",
        "review",
        "mask_edit",
        "account",
    ):
        op.drop_table(table)


def _people() -> None:
    """Who decides, and what was decided."""
    op.create_table(
        "account",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("name", BINARY_TEXT, nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "role IN ('viewer', 'reviewer', 'curator', 'admin')", name=op.f("ck_account_role_known")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("name", name=op.f("uq_account_name")),
    )
    op.create_table(
        "mask_edit",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("work_item_id", BIG_ID, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("uri", BINARY_TEXT, nullable=False),
        sa.Column("reviewer", BINARY_TEXT, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        _refers("mask_edit", "work_item_id", "work_item"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mask_edit")),
    )
    op.create_index(op.f("ix_mask_edit_work_item_id"), "mask_edit", ["work_item_id"], unique=False)
    op.create_table(
        "review",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("work_item_id", BIG_ID, nullable=False),
        sa.Column("decision", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reviewer", BINARY_TEXT, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("output_sha256", sa.String(length=64), nullable=False),
        sa.Column("mask_edit_id", BIG_ID, nullable=True),
        sa.Column("undoes", BIG_ID, nullable=True),
        sa.CheckConstraint(
            "decision IN ('approve', 'reject', 'redo', 'undo')", name=op.f("ck_review_decision_known")
        ),
        sa.CheckConstraint(
            "(decision = 'undo') = (undoes IS NOT NULL)", name=op.f("ck_review_undo_names_a_review")
        ),
        _refers("review", "work_item_id", "work_item"),
        _refers("review", "mask_edit_id", "mask_edit"),
        _refers("review", "undoes", "review"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
        sa.UniqueConstraint("undoes", name=op.f("uq_review_undoes")),
    )
    op.create_index(op.f("ix_review_work_item_id_id"), "review", ["work_item_id", "id"], unique=False)
    op.create_table(
        "redo_request",
        sa.Column("review_id", BIG_ID, nullable=False),
        sa.Column("work_item_id", BIG_ID, nullable=False),
        sa.Column("collection_id", BIG_ID, nullable=False),
        sa.Column("run_id", BIG_ID, nullable=True),
        sa.Column("taken_at", INSTANT, nullable=True),
        _refers("redo_request", "review_id", "review"),
        _refers("redo_request", "work_item_id", "work_item"),
        _refers("redo_request", "collection_id", "collection"),
        _refers("redo_request", "run_id", "run"),
        sa.PrimaryKeyConstraint("review_id", name=op.f("pk_redo_request")),
    )
    op.create_index(
        "ix_redo_request_untaken",
        "redo_request",
        ["collection_id", "review_id"],
        unique=False,
        sqlite_where=sa.text("taken_at IS NULL"),
        postgresql_where=sa.text("taken_at IS NULL"),
    )


def _lots() -> None:
    """Lots for acceptance sampling."""
    op.create_table(
        "qc_lot",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("filter", JSON_DOCUMENT, nullable=False),
        sa.Column("lot_size", sa.Integer(), nullable=False),
        sa.Column("inspection_level", sa.String(length=4), nullable=False),
        sa.Column("aql", sa.Double(), nullable=False),
        sa.Column("code_letter", sa.String(length=1), nullable=False),
        sa.Column("sample_size", sa.Integer(), nullable=False),
        sa.Column("accept_number", sa.Integer(), nullable=False),
        sa.Column("reject_number", sa.Integer(), nullable=False),
        sa.Column("seed", BIG_ID, nullable=False),
        sa.Column("created_by", BINARY_TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_qc_lot")),
    )
    op.create_table(
        "qc_member",
        sa.Column("lot_id", BIG_ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("work_item_id", BIG_ID, nullable=False),
        _refers("qc_member", "lot_id", "qc_lot"),
        _refers("qc_member", "work_item_id", "work_item"),
        sa.PrimaryKeyConstraint("lot_id", "position", name=op.f("pk_qc_member")),
    )


def _queue() -> None:
    """What the desk reads instead of the big tables."""
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
        sa.CheckConstraint(STANDINGS, name=op.f("ck_queue_entry_decision_known")),
        _refers("queue_entry", "work_item_id", "work_item"),
        _refers("queue_entry", "collection_id", "collection"),
        _refers("queue_entry", "run_id", "run"),
        _refers("queue_entry", "review_id", "review"),
        sa.PrimaryKeyConstraint("work_item_id", "code", name=op.f("pk_queue_entry")),
    )
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
        sa.CheckConstraint(STANDINGS, name=op.f("ck_tally_decision_known")),
        _refers("tally", "run_id", "run"),
        _refers("tally", "collection_id", "collection"),
        sa.PrimaryKeyConstraint("run_id", "code", "severity", "decision", name=op.f("pk_tally")),
    )


def _audit() -> None:
    """The chain of what people did."""
    op.create_table(
        "audit",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("actor", BINARY_TEXT, nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("previous_sha256", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sa.UniqueConstraint("previous_sha256", name=op.f("uq_audit_previous_sha256")),
    )


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}_{target}"))


def _guard() -> None:
    """Let the database itself refuse to change or delete what must only grow."""
    if op.get_bind().dialect.name == "sqlite":
        for table in APPEND_ONLY:
            for verb in ("update", "delete"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, 'the table {table} only grows'); END"
                )
        return
    op.execute(
        "CREATE FUNCTION oldphoto_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the table % only grows', TG_TABLE_NAME "
        "USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION oldphoto_only_grows()"
        )


def _unguard() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return  # A trigger goes with its table.
    for table in APPEND_ONLY:
        op.execute(f"DROP TRIGGER {table}_only_grows ON {table}")
    op.execute("DROP FUNCTION oldphoto_only_grows()")


def _queue_what_ended() -> None:
    """Queue the work items of older catalogs; nobody has decided anything in those."""
    rank = "CASE f.severity WHEN 'serious' THEN 3 WHEN 'warning' THEN 2 WHEN 'notice' THEN 1 ELSE 0 END"
    columns = "work_item_id, code, collection_id, run_id, severity, value, decision"
    ended = (
        "FROM work_item w JOIN asset a ON a.id = w.asset_id {join} JOIN flag f ON f.work_item_id = w.id "
        "WHERE w.state IN ('done', 'skipped') AND w.run_id IS NOT NULL "
    )
    op.execute(
        f"INSERT INTO queue_entry ({columns}) "
        f"SELECT w.id, f.code, a.collection_id, w.run_id, MAX({rank}), MAX(COALESCE(f.value, 0)), 'undecided' "
        + ended.format(join="")
        + "GROUP BY w.id, f.code, a.collection_id, w.run_id"
    )
    op.execute(
        f"INSERT INTO queue_entry ({columns}) "
        f"SELECT w.id, '', a.collection_id, w.run_id, COALESCE(MAX({rank}), 0), 0, 'undecided' "
        + ended.format(join="LEFT")
        + "GROUP BY w.id, a.collection_id, w.run_id"
    )
    op.execute(
        "INSERT INTO tally "
        "(run_id, code, severity, decision, collection_id, photos, value_sum, lowest, highest) "
        "SELECT run_id, code, severity, decision, MIN(collection_id), COUNT(*), SUM(value), MIN(value), "
        "MAX(value) FROM queue_entry GROUP BY run_id, code, severity, decision"
    )
