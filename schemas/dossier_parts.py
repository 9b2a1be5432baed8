"""What a dossier is put together from: one statement for each kind of row, for many photos at once."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from schemas.items import as_row, grouped
from schemas.listing import when_seen
from schemas.records import HOT_MEASUREMENTS
from schemas.review_records import ReviewRecord
from schemas.rows import (
    ContentRow,
    DerivativeRow,
    EventRow,
    FaceRow,
    ModelRow,
    PlaceRow,
    ResultRow,
    ReviewRow,
)
from schemas.tables import (
    Agent,
    Content,
    Derivative,
    Event,
    Face,
    Location,
    Mask,
    Measurement,
    Model,
    Recipe,
    RecipeModel,
)


def models(connection: Connection, items: dict[int, list[ResultRow]]) -> dict[str, list[ModelRow]]:
    """Return the models of each recipe of these work items, by the recipe's digest."""
    recipes = {item["recipe"] for group in items.values() for item in group}
    query = (
        select(Recipe.sha256.label("recipe"), Model.name, Model.version, Model.weights_sha256, Model.licence)
        .join(RecipeModel, RecipeModel.recipe_id == Recipe.id)
        .join(Model, Model.id == RecipeModel.model_id)
        .where(Recipe.sha256.in_(recipes))
        .order_by(Model.name, Model.version)
    )
    return grouped(connection.execute(query), "recipe", ModelRow)


def review(review: ReviewRecord) -> ReviewRow:
    """Return a review as dossiers tell of it."""
    return {
        "review": review.review_id,
        "decision": review.decision,
        "reason": review.reason,
        "reviewer": review.reviewer,
        "at": review.at,
        "output_sha256": review.output_sha256,
        "mask_edit_id": review.mask_edit_id,
        "undoes": review.undoes,
    }


def derivatives(connection: Connection, items: Sequence[int]) -> dict[int, list[DerivativeRow]]:
    """Return the files made by each of these work items."""
    query = (
        select(
            Derivative.work_item_id,
            Derivative.kind,
            Derivative.tier,
            Derivative.uri,
            Derivative.sha256,
            Derivative.size,
            Derivative.media_type,
            Derivative.created_at,
        )
        .where(Derivative.work_item_id.in_(items))
        .order_by(Derivative.id)
    )
    return grouped(connection.execute(query), "work_item_id", DerivativeRow)


def faces(connection: Connection, items: Sequence[int]) -> dict[int, list[FaceRow]]:
    """Return the faces of each of these work items."""
    query = select(Face.__table__).where(Face.work_item_id.in_(items))
    found: dict[int, list[FaceRow]] = {}
    for row in connection.execute(query.order_by(Face.work_item_id, Face.position)):
        face = FaceRow(
            landmarks=row.landmarks,
            score=row.score,
            drift=row.drift,
            applied=row.applied,
            box=[row.x, row.y, row.width, row.height],
        )
        found.setdefault(row.work_item_id, []).append(face)
    return found


def measurements(connection: Connection, items: Sequence[int]) -> dict[int, dict[str, float]]:
    """Return the measurements of each of these work items, hot ones and others alike."""
    query = select(Measurement.__table__).where(Measurement.work_item_id.in_(items))
    found = {}
    for row in connection.execute(query):
        hot = {name: getattr(row, name) for name in HOT_MEASUREMENTS}
        known = {name: value for name, value in hot.items() if value is not None}
        found[row.work_item_id] = {**known, **row.extra}
    return found


def masks(connection: Connection, items: Sequence[int]) -> dict[int, tuple[float | None, int]]:
    """Return coverage and components of each of these work items' masks."""
    query = select(Mask.work_item_id, Mask.coverage, Mask.components).where(Mask.work_item_id.in_(items))
    return {row.work_item_id: (row.coverage, row.components) for row in connection.execute(query)}


def located(connection: Connection, assets: Sequence[int]) -> dict[int, list[PlaceRow]]:
    """Return where each of these photos was seen, last first."""
    query = (
        select(
            Location.asset_id,
            Location.uri,
            Content.sha256,
            Location.size,
            Location.modified,
            Location.first_seen,
            Location.last_seen,
            Location.error,
            Location.error_class,
        )
        .outerjoin(Content, Content.id == Location.content_id)
        .where(Location.asset_id.in_(assets))
        .order_by(*(one.desc() for one in when_seen()))
    )
    return grouped(connection.execute(query), "asset_id", PlaceRow)


def contents(
    connection: Connection, locations: dict[int, list[PlaceRow]], items: dict[int, list[ResultRow]]
) -> dict[str, ContentRow]:
    """Return what is known of the bytes that these rows name, by digest."""
    digests = {place["sha256"] for group in locations.values() for place in group}
    digests |= {item["sha256"] for group in items.values() for item in group}
    query = select(
        Content.sha256,
        Content.size,
        Content.format,
        Content.width,
        Content.height,
        Content.bit_depth,
        Content.header.label("metadata"),
        Content.warnings,
    ).where(Content.sha256.in_(digests - {None}))
    return {row.sha256: as_row(row, ContentRow) for row in connection.execute(query)}


def events(connection: Connection, assets: Sequence[int]) -> dict[int, list[EventRow]]:
    """Return each photo's events, oldest first."""
    query = (
        select(
            Event.asset_id,
            Event.type,
            Event.at,
            Event.outcome,
            Event.detail,
            Agent.name.label("agent"),
            Agent.type.label("agent_type"),
            Event.work_item_id.label("work_item"),
            Event.run_id.label("run"),
        )
        .join(Agent, Agent.id == Event.agent_id)
        .where(Event.asset_id.in_(assets))
        .order_by(Event.id)
    )
    return grouped(connection.execute(query), "asset_id", EventRow)
