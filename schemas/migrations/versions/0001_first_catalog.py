"""The first catalog: holdings, work, results, provenance.

Revision: 0001, after nothing.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from schemas.migrations.types import BIG_ID, BINARY_TEXT, INSTANT, JSON_DOCUMENT

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make every table."""
    _holdings()
    _work()
    _results()
    _provenance()


def downgrade() -> None:
    """Drop every table, those that refer to others first."""
    for table in (
        "event",
        "agent",
        "flag",
        "measurement",
        "face",
        "mask",
        "derivative",
        "run_input",
        "work_item",
        "location",
        "run",
        "recipe_model",
        "recipe",
        "model",
        "content",
        "asset",
        "collection",
    ):
        op.drop_table(table)


def _holdings() -> None:
    """Photos and their bytes."""
    op.create_table(
        "collection",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("name", BINARY_TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collection")),
        sa.UniqueConstraint("name", name=op.f("uq_collection_name")),
    )
    op.create_table(
        "asset",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("collection_id", BIG_ID, nullable=False),
        sa.Column("key", BINARY_TEXT, nullable=False),
        sa.Column("stem", BINARY_TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collection.id"], name=op.f("fk_asset_collection_id_collection")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset")),
        sa.UniqueConstraint("collection_id", "key", name=op.f("uq_asset_collection_id_key")),
        sa.UniqueConstraint("collection_id", "stem", name=op.f("uq_asset_collection_id_stem")),
    )
    op.create_table(
        "content",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("format", sa.Text(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("bit_depth", sa.Integer(), nullable=True),
        sa.Column("metadata", JSON_DOCUMENT, nullable=False),
        sa.Column("warnings", JSON_DOCUMENT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content")),
        sa.UniqueConstraint("sha256", name=op.f("uq_content_sha256")),
    )


def _work() -> None:
    """Recipes, runs and work items; and locations, which name the run that saw them."""
    op.create_table(
        "model",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("name", BINARY_TEXT, nullable=False),
        sa.Column("version", BINARY_TEXT, nullable=False),
        sa.Column("weights_sha256", sa.String(length=64), nullable=False),
        sa.Column("licence", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model")),
        sa.UniqueConstraint(
            "name", "version", "weights_sha256", name=op.f("uq_model_name_version_weights_sha256")
        ),
    )
    op.create_table(
        "recipe",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipe")),
        sa.UniqueConstraint("sha256", name=op.f("uq_recipe_sha256")),
    )
    op.create_table(
        "recipe_model",
        sa.Column("recipe_id", BIG_ID, nullable=False),
        sa.Column("model_id", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_recipe_model_model_id_model")),
        sa.ForeignKeyConstraint(["recipe_id"], ["recipe.id"], name=op.f("fk_recipe_model_recipe_id_recipe")),
        sa.PrimaryKeyConstraint("recipe_id", "model_id", name=op.f("pk_recipe_model")),
    )
    op.create_index(op.f("ix_recipe_model_model_id"), "recipe_model", ["model_id"], unique=False)
    op.create_table(
        "run",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("flow_run_id", sa.Text(), nullable=True),
        sa.Column("collection_id", BIG_ID, nullable=False),
        sa.Column("recipe_id", BIG_ID, nullable=True),
        sa.Column("parameters", JSON_DOCUMENT, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("planned_at", INSTANT, nullable=True),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("inputs", sa.Integer(), nullable=True),
        sa.Column("already_done", sa.Integer(), nullable=True),
        sa.Column("done", sa.Integer(), nullable=True),
        sa.Column("skipped", sa.Integer(), nullable=True),
        sa.Column("quarantined", sa.Integer(), nullable=True),
        sa.Column("failed", sa.Integer(), nullable=True),
        sa.Column("pending", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "state IN ('running', 'completed', 'failed', 'crashed', 'dry-run')",
            name=op.f("ck_run_state_known"),
        ),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collection.id"], name=op.f("fk_run_collection_id_collection")
        ),
        sa.ForeignKeyConstraint(["recipe_id"], ["recipe.id"], name=op.f("fk_run_recipe_id_recipe")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    op.create_index(
        op.f("ix_run_collection_id_recipe_id"), "run", ["collection_id", "recipe_id"], unique=False
    )
    op.create_table(
        "location",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("asset_id", BIG_ID, nullable=False),
        sa.Column("content_id", BIG_ID, nullable=True),
        sa.Column("uri", BINARY_TEXT, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("modified", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_class", sa.Text(), nullable=True),
        sa.Column("first_seen", INSTANT, nullable=False),
        sa.Column("last_seen", INSTANT, nullable=False),
        sa.Column("last_seen_run_id", BIG_ID, nullable=True),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_location_asset_id_asset")),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name=op.f("fk_location_content_id_content")),
        sa.ForeignKeyConstraint(
            ["last_seen_run_id"], ["run.id"], name=op.f("fk_location_last_seen_run_id_run")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_location")),
        sa.UniqueConstraint("asset_id", "uri", name=op.f("uq_location_asset_id_uri")),
    )
    op.create_index(op.f("ix_location_content_id"), "location", ["content_id"], unique=False)
    op.create_table(
        "work_item",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("asset_id", BIG_ID, nullable=False),
        sa.Column("content_id", BIG_ID, nullable=True),
        sa.Column("input_sha", sa.String(length=64), nullable=False),
        sa.Column("recipe_id", BIG_ID, nullable=False),
        sa.Column("run_id", BIG_ID, nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("error_class", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("interruptions", sa.Integer(), nullable=False),
        sa.Column("tier", sa.String(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("prefix", sa.String(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'running', 'done', 'skipped', 'quarantined', 'failed')",
            name=op.f("ck_work_item_state_known"),
        ),
        sa.CheckConstraint(
            "attempts >= 0 AND interruptions >= 0", name=op.f("ck_work_item_counters_not_negative")
        ),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_work_item_asset_id_asset")),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name=op.f("fk_work_item_content_id_content")),
        sa.ForeignKeyConstraint(["recipe_id"], ["recipe.id"], name=op.f("fk_work_item_recipe_id_recipe")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_work_item_run_id_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_item")),
        sa.UniqueConstraint(
            "asset_id", "input_sha", "recipe_id", name=op.f("uq_work_item_asset_id_input_sha_recipe_id")
        ),
        sa.UniqueConstraint("asset_id", "prefix", name=op.f("uq_work_item_asset_id_prefix")),
    )
    op.create_index(op.f("ix_work_item_content_id"), "work_item", ["content_id"], unique=False)
    op.create_index(
        op.f("ix_work_item_run_id_state_interruptions_id"),
        "work_item",
        ["run_id", "state", "interruptions", "id"],
        unique=False,
    )
    op.create_index(
        "ix_work_item_troubled",
        "work_item",
        ["state", "id"],
        unique=False,
        sqlite_where=sa.text("state IN ('quarantined', 'failed')"),
        postgresql_where=sa.text("state IN ('quarantined', 'failed')"),
    )
    op.create_table(
        "run_input",
        sa.Column("run_id", BIG_ID, nullable=False),
        sa.Column("asset_id", BIG_ID, nullable=False),
        sa.Column("location_id", BIG_ID, nullable=False),
        sa.Column("content_id", BIG_ID, nullable=True),
        sa.Column("input_sha", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_run_input_asset_id_asset")),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name=op.f("fk_run_input_content_id_content")),
        sa.ForeignKeyConstraint(
            ["location_id"], ["location.id"], name=op.f("fk_run_input_location_id_location")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_run_input_run_id_run")),
        sa.PrimaryKeyConstraint("run_id", "asset_id", name=op.f("pk_run_input")),
    )


def _results() -> None:
    """What came of a work item."""
    op.create_table(
        "derivative",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("work_item_id", BIG_ID, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("tier", sa.String(), nullable=True),
        sa.Column("uri", BINARY_TEXT, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["work_item_id"], ["work_item.id"], name=op.f("fk_derivative_work_item_id_work_item")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_derivative")),
        sa.UniqueConstraint("work_item_id", "uri", name=op.f("uq_derivative_work_item_id_uri")),
    )
    op.create_index(op.f("ix_derivative_sha256"), "derivative", ["sha256"], unique=False)
    op.create_table(
        "mask",
        sa.Column("work_item_id", BIG_ID, nullable=False),
        sa.Column("coverage", sa.Double(), nullable=True),
        sa.Column("components", sa.Integer(), nullable=False),
        sa.Column("uri", BINARY_TEXT, nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["work_item_id"], ["work_item.id"], name=op.f("fk_mask_work_item_id_work_item")
        ),
        sa.PrimaryKeyConstraint("work_item_id", name=op.f("pk_mask")),
    )
    op.create_table(
        "face",
        sa.Column("work_item_id", BIG_ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("x", sa.Double(), nullable=True),
        sa.Column("y", sa.Double(), nullable=True),
        sa.Column("width", sa.Double(), nullable=True),
        sa.Column("height", sa.Double(), nullable=True),
        sa.Column("landmarks", JSON_DOCUMENT, nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("drift", sa.Double(), nullable=True),
        sa.Column("applied", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["work_item_id"], ["work_item.id"], name=op.f("fk_face_work_item_id_work_item")
        ),
        sa.PrimaryKeyConstraint("work_item_id", "position", name=op.f("pk_face")),
    )
    op.create_table(
        "measurement",
        sa.Column("work_item_id", BIG_ID, nullable=False),
        sa.Column("megapixels", sa.Double(), nullable=True),
        sa.Column("mask_share", sa.Double(), nullable=True),
        sa.Column("mask_components", sa.Double(), nullable=True),
        sa.Column("uncertain_share", sa.Double(), nullable=True),
        sa.Column("mean_change", sa.Double(), nullable=True),
        sa.Column("colour_drift", sa.Double(), nullable=True),
        sa.Column("faces_found", sa.Double(), nullable=True),
        sa.Column("faces_enhanced", sa.Double(), nullable=True),
        sa.Column("faces_refused", sa.Double(), nullable=True),
        sa.Column("face_drift_max", sa.Double(), nullable=True),
        sa.Column("extra", JSON_DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["work_item_id"], ["work_item.id"], name=op.f("fk_measurement_work_item_id_work_item")
        ),
        sa.PrimaryKeyConstraint("work_item_id", name=op.f("pk_measurement")),
    )
    op.create_table(
        "flag",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("work_item_id", BIG_ID, nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("threshold", sa.Double(), nullable=True),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint("state IN ('open', 'closed')", name=op.f("ck_flag_state_known")),
        sa.ForeignKeyConstraint(
            ["work_item_id"], ["work_item.id"], name=op.f("fk_flag_work_item_id_work_item")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flag")),
    )
    op.create_index(
        "ix_flag_open",
        "flag",
        ["work_item_id"],
        unique=False,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "ix_flag_open_code",
        "flag",
        ["code", "work_item_id"],
        unique=False,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(op.f("ix_flag_work_item_id"), "flag", ["work_item_id"], unique=False)


def _provenance() -> None:
    """Events and agents."""
    op.create_table(
        "agent",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("name", BINARY_TEXT, nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent")),
        sa.UniqueConstraint("name", name=op.f("uq_agent_name")),
    )
    op.create_table(
        "event",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("detail", JSON_DOCUMENT, nullable=False),
        sa.Column("agent_id", BIG_ID, nullable=False),
        sa.Column("asset_id", BIG_ID, nullable=True),
        sa.Column("content_id", BIG_ID, nullable=True),
        sa.Column("work_item_id", BIG_ID, nullable=True),
        sa.Column("run_id", BIG_ID, nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_event_agent_id_agent")),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_event_asset_id_asset")),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name=op.f("fk_event_content_id_content")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_event_run_id_run")),
        sa.ForeignKeyConstraint(
            ["work_item_id"], ["work_item.id"], name=op.f("fk_event_work_item_id_work_item")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    op.create_index(op.f("ix_event_asset_id_id"), "event", ["asset_id", "id"], unique=False)
