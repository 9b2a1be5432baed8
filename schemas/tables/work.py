"""What is to be done: recipes, models, runs, a run's inputs, and a work item per photo and recipe."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.records import TROUBLES, RunState, WorkState
from schemas.tables.base import Base, Id, Sha256, Words, one_of
from schemas.types import BigId, BinaryText, FiniteFloat, SafeJson, UtcDateTime

_TROUBLED = text(f"state IN ('{TROUBLES[0]}', '{TROUBLES[1]}')")


class Recipe(Base):
    """Everything that decides a result's pixels. ``document`` is the canonical JSON that ``sha256`` is of."""

    __tablename__ = "recipe"

    id: Mapped[Id]
    sha256: Mapped[Sha256] = mapped_column(unique=True)
    # Text, not JSON: the digest is of these very characters.
    document: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Model(Base):
    """Trained weights."""

    __tablename__ = "model"
    __table_args__ = (UniqueConstraint("name", "version", "weights_sha256"),)

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(BinaryText)
    version: Mapped[str] = mapped_column(BinaryText)
    weights_sha256: Mapped[Sha256]
    licence: Mapped[Words]


class RecipeModel(Base):
    """Which weights a recipe uses."""

    __tablename__ = "recipe_model"
    __table_args__ = (Index(None, "model_id"),)

    recipe_id: Mapped[int] = mapped_column(BigId, ForeignKey("recipe.id"), primary_key=True)
    model_id: Mapped[int] = mapped_column(BigId, ForeignKey("model.id"), primary_key=True)


class Run(Base):
    """One execution over a source. The seven counts are kept for good when it ends (schemas.planning)."""

    __tablename__ = "run"
    __table_args__ = (
        one_of("state", RunState),
        Index(None, "collection_id", "recipe_id"),
    )

    id: Mapped[Id]
    flow_run_id: Mapped[Words | None]
    collection_id: Mapped[int] = mapped_column(BigId, ForeignKey("collection.id"))
    recipe_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("recipe.id"))
    parameters: Mapped[dict[str, Any]] = mapped_column(SafeJson)
    state: Mapped[str] = mapped_column(String(16))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    planned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    seconds: Mapped[float | None] = mapped_column(FiniteFloat)
    inputs: Mapped[int | None]
    already_done: Mapped[int | None]
    done: Mapped[int | None]
    skipped: Mapped[int | None]
    quarantined: Mapped[int | None]
    failed: Mapped[int | None]
    pending: Mapped[int | None]


class RunInput(Base):
    """A photo that the source listed in a run; kept only while the run lasts.

    ``input_sha`` is the content's digest, or empty when the photo could not be read.
    """

    __tablename__ = "run_input"

    run_id: Mapped[int] = mapped_column(BigId, ForeignKey("run.id"), primary_key=True)
    asset_id: Mapped[int] = mapped_column(BigId, ForeignKey("asset.id"), primary_key=True)
    location_id: Mapped[int] = mapped_column(BigId, ForeignKey("location.id"))
    content_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("content.id"))
    input_sha: Mapped[Sha256]


class WorkItem(Base):
    """One photo's bytes under one recipe: where it stands, and where its derivatives go.

    ``run_id`` is the run that holds it (or held it last). ``attempts`` counts recorded outcomes
    (failures whose cause lay outside the photo left out), ``interruptions`` how often a run died with it in
    flight. ``prefix`` is unique among the asset's items and empty for the first recipe that wrote; NULL: it
    wrote nothing. ``set_aside``: an earlier result was asked for since (:mod:`schemas.present`).
    """

    __tablename__ = "work_item"
    __table_args__ = (
        UniqueConstraint("asset_id", "input_sha", "recipe_id"),
        UniqueConstraint("asset_id", "prefix"),
        one_of("state", WorkState),
        CheckConstraint("attempts >= 0 AND interruptions >= 0", name="counters_not_negative"),
        Index(None, "run_id", "state", "interruptions", "id"),
        Index(None, "content_id"),
        # Quarantined and failed items are few and asked for often (`flagged --outcome`).
        Index(
            "ix_work_item_troubled",
            "state",
            "id",
            sqlite_where=_TROUBLED,
            postgresql_where=_TROUBLED,
        ),
    )

    id: Mapped[Id]
    asset_id: Mapped[int] = mapped_column(BigId, ForeignKey("asset.id"))
    content_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("content.id"))
    input_sha: Mapped[Sha256]
    recipe_id: Mapped[int] = mapped_column(BigId, ForeignKey("recipe.id"))
    run_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("run.id"))
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[Words | None]
    error_class: Mapped[Words | None]
    attempts: Mapped[int]
    interruptions: Mapped[int]
    tier: Mapped[str | None] = mapped_column(String)
    seconds: Mapped[float | None] = mapped_column(FiniteFloat)
    prefix: Mapped[str | None] = mapped_column(String)
    set_aside: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
