"""Sessions of the review desk, so that they outlive a process and several processes share them.

Revision: 0004, after 0003.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from schemas.migrations.types import BIG_ID, BINARY_TEXT, INSTANT, JSON_DOCUMENT

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make both tables; nobody is signed in."""
    op.create_table(
        "desk_session",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("name", BINARY_TEXT, nullable=False),
        sa.Column("desk", sa.String(length=64), nullable=True),
        sa.Column("begun_at", INSTANT, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_desk_session")),
    )
    op.create_index(op.f("ix_desk_session_name"), "desk_session", ["name"])
    op.create_index(op.f("ix_desk_session_seen_at"), "desk_session", ["seen_at"])
    op.create_table(
        "desk_step",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("decision", sa.String(length=8), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("reviews", JSON_DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["token_sha256"],
            ["desk_session.token_sha256"],
            name=op.f("fk_desk_step_token_sha256_desk_session"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_desk_step")),
    )
    op.create_index(op.f("ix_desk_step_token_sha256_id"), "desk_step", ["token_sha256", "id"])


def downgrade() -> None:
    """Drop both tables: everybody is signed out."""
    op.drop_table("desk_step")
    op.drop_table("desk_session")
