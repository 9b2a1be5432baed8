"""Flag rules in force, counts of outcomes and photos, and views for people who use their own tools.

Revision: 0003, after 0002. docs/catalog.md describes the views.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from schemas.migrations.types import BIG_ID, BINARY_TEXT, INSTANT

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None

# Of the places where a photo was seen, the one where it was seen last.
_LAST_SEEN = (
    "l.id = (SELECT x.id FROM location x WHERE x.asset_id = a.id "
    "ORDER BY x.last_seen DESC, x.id DESC LIMIT 1)"
)
_RESTORED = (
    "(SELECT d.{column} FROM derivative d WHERE d.work_item_id = w.id AND d.kind = 'restored' "
    "ORDER BY d.id LIMIT 1)"
)

VIEWS: dict[str, str] = {
    "photos": f"""
        SELECT a.id AS asset, c.name AS collection, a.key, o.sha256, l.uri, l.size, o.format, o.width,
               o.height, o.bit_depth, l.first_seen, l.last_seen, l.error
        FROM asset a
        JOIN collection c ON c.id = a.collection_id
        LEFT JOIN location l ON {_LAST_SEEN}
        LEFT JOIN content o ON o.id = l.content_id
    """,
    "results": f"""
        SELECT w.id AS work_item, a.id AS asset, c.name AS collection, a.key,
               NULLIF(w.input_sha, '') AS sha256, r.sha256 AS recipe, w.run_id AS run, w.state AS outcome,
               w.reason, w.error_class, w.tier, w.attempts, w.seconds, w.finished_at,
               {_RESTORED.format(column="uri")} AS restored,
               {_RESTORED.format(column="sha256")} AS restored_sha256,
               m.uri AS mask, m.coverage AS mask_coverage, m.components AS mask_components,
               q.decision, q.severity AS gravity
        FROM work_item w
        JOIN asset a ON a.id = w.asset_id
        JOIN collection c ON c.id = a.collection_id
        JOIN recipe r ON r.id = w.recipe_id
        LEFT JOIN mask m ON m.work_item_id = w.id
        LEFT JOIN queue_entry q ON q.work_item_id = w.id AND q.code = ''
    """,
    "flags": """
        SELECT f.work_item_id AS work_item, a.id AS asset, c.name AS collection, a.key, f.code, f.severity,
               f.value, f.threshold, f.rule_version, f.explanation, f.state, f.created_at
        FROM flag f
        JOIN work_item w ON w.id = f.work_item_id
        JOIN asset a ON a.id = w.asset_id
        JOIN collection c ON c.id = a.collection_id
    """,
    "measurements": """
        SELECT m.work_item_id AS work_item, a.id AS asset, c.name AS collection, a.key, m.megapixels,
               m.mask_share, m.mask_components, m.uncertain_share, m.mean_change, m.colour_drift,
               m.faces_found, m.faces_enhanced, m.faces_refused, m.face_drift_max, m.extra
        FROM measurement m
        JOIN work_item w ON w.id = m.work_item_id
        JOIN asset a ON a.id = w.asset_id
        JOIN collection c ON c.id = a.collection_id
    """,
    "faces": """
        SELECT f.work_item_id AS work_item, a.id AS asset, c.name AS collection, a.key, f.position, f.x, f.y,
               f.width, f.height, f.score, f.drift, f.applied
        FROM face f
        JOIN work_item w ON w.id = f.work_item_id
        JOIN asset a ON a.id = w.asset_id
        JOIN collection c ON c.id = a.collection_id
    """,
    "files": """
        SELECT d.work_item_id AS work_item, a.id AS asset, c.name AS collection, a.key, d.kind, d.tier, d.uri,
               d.sha256, d.size, d.media_type, d.created_at
        FROM derivative d
        JOIN work_item w ON w.id = d.work_item_id
        JOIN asset a ON a.id = w.asset_id
        JOIN collection c ON c.id = a.collection_id
    """,
    "decisions": """
        SELECT v.id AS review, v.work_item_id AS work_item, a.id AS asset, c.name AS collection, a.key,
               v.decision, v.reason, v.reviewer, v.at, v.output_sha256, v.undoes,
               EXISTS (SELECT 1 FROM review u WHERE u.undoes = v.id) AS undone
        FROM review v
        JOIN work_item w ON w.id = v.work_item_id
        JOIN asset a ON a.id = w.asset_id
        JOIN collection c ON c.id = a.collection_id
    """,
    "runs": """
        SELECT n.id AS run, c.name AS collection, r.sha256 AS recipe, n.state, n.started_at, n.finished_at,
               n.seconds, n.inputs, n.already_done, n.done, n.skipped, n.quarantined, n.failed, n.pending,
               n.flow_run_id AS flow_run
        FROM run n
        JOIN collection c ON c.id = n.collection_id
        LEFT JOIN recipe r ON r.id = n.recipe_id
    """,
    "events": """
        SELECT e.id AS event, e.asset_id AS asset, c.name AS collection, a.key, e.type, e.at, e.outcome,
               e.detail, g.name AS agent, g.type AS agent_type, e.work_item_id AS work_item, e.run_id AS run
        FROM event e
        JOIN agent g ON g.id = e.agent_id
        LEFT JOIN asset a ON a.id = e.asset_id
        LEFT JOIN collection c ON c.id = a.collection_id
    """,
}


def upgrade() -> None:
    """Make the tables and views, and count what is there."""
    _flag_rules()
    _outcome_tally()
    op.add_column("collection", sa.Column("photos", sa.Integer(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE collection SET photos = (SELECT COUNT(*) FROM asset WHERE collection_id = collection.id)"
    )
    # The queue answers for open flags by now.
    op.drop_index("ix_flag_open", table_name="flag")
    op.drop_index("ix_flag_open_code", table_name="flag")
    for name, body in VIEWS.items():
        op.execute(f"CREATE VIEW {name} AS {body}")


def downgrade() -> None:
    """Drop them; views first, they stand on the tables."""
    for name in VIEWS:
        op.execute(f"DROP VIEW {name}")
    for name, columns in (
        ("ix_flag_open", ["work_item_id"]),
        ("ix_flag_open_code", ["code", "work_item_id"]),
    ):
        op.create_index(
            name,
            "flag",
            columns,
            unique=False,
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        )
    op.drop_column("collection", "photos")
    op.drop_table("outcome_tally")
    op.drop_table("flag_rule")


def _flag_rules() -> None:
    """Rules that this catalog applies instead of those that the program came with."""
    op.create_table(
        "flag_rule",
        sa.Column("code", BINARY_TEXT, nullable=False),
        sa.Column("measurement", BINARY_TEXT, nullable=False),
        sa.Column("threshold", sa.Double(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("set_by", BINARY_TEXT, nullable=False),
        sa.Column("set_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_flag_rule")),
    )


def _outcome_tally() -> None:
    """Counts of ended work items by run."""
    op.create_table(
        "outcome_tally",
        sa.Column("run_id", BIG_ID, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("photos", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "state IN ('done', 'skipped', 'quarantined', 'failed')", name=op.f("ck_outcome_tally_state_known")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_outcome_tally_run_id_run")),
        sa.PrimaryKeyConstraint("run_id", "state", name=op.f("pk_outcome_tally")),
    )
    op.execute(
        "INSERT INTO outcome_tally (run_id, state, photos, seconds) "
        "SELECT run_id, state, COUNT(*), SUM(COALESCE(seconds, 0)) FROM work_item "
        "WHERE run_id IS NOT NULL AND state IN ('done', 'skipped', 'quarantined', 'failed') "
        "GROUP BY run_id, state"
    )
