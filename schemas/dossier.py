"""Everything about single photos: what they are, where they were seen, what was done, what came of it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, select, true, union

from schemas import queue_rows, redos, reviews
from schemas.errors import UnknownItemError
from schemas.items import Record, grouped, item_rows
from schemas.queries import begins_with, require_collection
from schemas.records import HOT_MEASUREMENTS
from schemas.review_records import ReviewRecord
from schemas.tables import (
    Agent,
    Asset,
    Collection,
    Content,
    Derivative,
    Event,
    Face,
    Location,
    Mask,
    MaskEdit,
    Measurement,
    Model,
    Recipe,
    RecipeModel,
    WorkItem,
)

_DIGEST = re.compile(r"[0-9a-fA-F]{6,64}")


def show(
    connection: Connection, reference: str, *, collection: str | None, limit: int, after: int | None
) -> list[Record]:
    """Return a dossier for each photo that ``reference`` names: a key, or the beginning of a digest.

    A dossier has ``key, sha256, outcome, reason, flags, restored, mask`` and more of the work item that
    answers the question best (that of the digest asked for, else of the bytes seen last; the newest of
    several), and with it ``content``, ``locations``, ``work_items``, ``derivatives``, ``faces``,
    ``measurements``, ``decision``, ``reviews``, ``models`` and ``events``. A photo not yet planned has
    ``outcome`` None.
    """
    within = None if collection is None else require_collection(connection, collection)
    assets = _find(connection, Asset.key == reference, within, limit, after)
    digest = None
    if not assets and _DIGEST.fullmatch(reference):
        digest = reference.lower()
        assets = _find(connection, Asset.id.in_(_by_digest(digest)), within, limit, after)
    return _dossiers(connection, assets, digest)


def history(connection: Connection, item: int) -> Record:
    """Return everything about one work item; see ``Catalog.history``. Raises UnknownItemError."""
    asset = connection.scalar(select(WorkItem.asset_id).where(WorkItem.id == item))
    if asset is None:
        raise UnknownItemError(f"there is no work item {item} in this catalog")
    (found,) = _dossiers(connection, _find(connection, Asset.id == asset, None, 1, None), None, item)
    document = connection.execute(
        select(Recipe.document).join(WorkItem, WorkItem.recipe_id == Recipe.id).where(WorkItem.id == item)
    ).scalar_one()
    queued = queue_rows.rows(connection, [(item, None)])
    return {
        **found,
        "recipe_document": json.loads(document),
        "mask_edits": _mask_edits(connection, item),
        "queue": queued[0] if queued else None,
    }


def page(connection: Connection, *, collection: str | None, after: int, limit: int) -> list[Record]:
    """Return the dossiers of a page of photos, in the order in which they were first seen.

    ``after``: the last ``asset`` of the page before. Raises CatalogUseError for an unknown collection.
    """
    within = None if collection is None else require_collection(connection, collection)
    return _dossiers(connection, _find(connection, true(), within, limit, after), None)


def _models(connection: Connection, items: dict[int, list[Record]]) -> dict[int, list[Record]]:
    """Return the models of each recipe of these work items, by the recipe's digest."""
    recipes = {item["recipe"] for group in items.values() for item in group}
    query = (
        select(Recipe.sha256.label("recipe"), Model.name, Model.version, Model.weights_sha256, Model.licence)
        .join(RecipeModel, RecipeModel.recipe_id == Recipe.id)
        .join(Model, Model.id == RecipeModel.model_id)
        .where(Recipe.sha256.in_(recipes))
        .order_by(Model.name, Model.version)
    )
    return grouped(connection.execute(query), "recipe")


def _mask_edits(connection: Connection, item: int) -> list[Record]:
    query = select(MaskEdit.__table__).where(MaskEdit.work_item_id == item).order_by(MaskEdit.id)
    return [asdict(redos.mask_edit_of(row)) for row in connection.execute(query)]


def _find(
    connection: Connection, condition: Any, within: int | None, limit: int, after: int | None
) -> list[Record]:
    query = (
        select(Asset.id.label("asset"), Collection.name.label("collection"), Asset.key, Asset.stem)
        .join(Collection, Collection.id == Asset.collection_id)
        .where(condition)
        .order_by(Asset.id)
        .limit(limit)
    )
    # Named, so that the index of (collection, key) serves a search for the key as well.
    scope = select(Collection.id) if within is None else [within]
    query = query.where(Asset.collection_id.in_(scope))
    if after is not None:
        query = query.where(Asset.id > after)
    return [dict(row._mapping) for row in connection.execute(query)]


def _by_digest(digest: str) -> Any:
    contents = select(Content.id).where(begins_with(Content.sha256, digest))
    made = select(Derivative.work_item_id).where(begins_with(Derivative.sha256, digest))
    return union(
        select(Location.asset_id).where(Location.content_id.in_(contents)),
        select(WorkItem.asset_id).where(WorkItem.content_id.in_(contents)),
        select(WorkItem.asset_id).where(WorkItem.id.in_(made)),
    )


def _dossiers(
    connection: Connection, assets: list[Record], digest: str | None, item: int | None = None
) -> list[Record]:
    ids = [asset["asset"] for asset in assets]
    items = _work_items(connection, ids)
    locations = located(connection, ids)
    events = _events(connection, ids)
    contents = _contents(connection, locations, items)
    models = _models(connection, items)
    dossiers = []
    for asset in assets:
        number = asset["asset"]
        seen = locations.get(number, [])
        current = seen[0]["sha256"] if seen else None
        done = items.get(number, [])
        best = _best(done, digest, current, item)
        sha = best["sha256"] if best else current
        dossiers.append(
            {
                **(best or _unplanned(asset, current)),
                "stem": asset["stem"],
                "content": contents.get(sha) if sha else None,
                "locations": seen,
                "work_items": done,
                "models": models.get(best["recipe"], []) if best else [],
                "events": events.get(number, []),
            }
        )
    return dossiers


def _best(items: list[Record], digest: str | None, current: str | None, number: int | None) -> Record | None:
    """Return the work item that answers the question; ``items`` come newest first."""

    def merit(item: Record) -> tuple[bool, bool, bool]:
        sha = item["sha256"] or ""
        files = [file["sha256"] for file in item["derivatives"]]
        asked = digest is not None and any(found.startswith(digest) for found in (sha, *files))
        return item["work_item"] == number, asked, sha == current

    return max(items, key=merit, default=None)


def _unplanned(asset: Record, sha256: str | None) -> Record:
    nothing = ("outcome", "reason", "error_class", "tier", "restored", "mask")
    return {
        "collection": asset["collection"],
        "key": asset["key"],
        "sha256": sha256,
        **dict.fromkeys(nothing),
        "asset": asset["asset"],
        "flags": [],
        "derivatives": [],
        "faces": [],
        "measurements": {},
        "decision": None,
        "reviews": [],
    }


def _work_items(connection: Connection, assets: Sequence[int]) -> dict[int, list[Record]]:
    query = select(WorkItem.id).where(WorkItem.asset_id.in_(assets)).order_by(WorkItem.id.desc())
    ids = list(connection.scalars(query))
    rows = item_rows(connection, ids, open_flags_only=False)
    files = _derivatives(connection, ids)
    faces = _faces(connection, ids)
    measurements = _measurements(connection, ids)
    masks = _masks(connection, ids)
    told = reviews.of_items(connection, ids, undone=True)
    found: dict[int, list[Record]] = {}
    for item in ids:
        row = rows[item]
        row["mask_coverage"] = masks.get(item, {}).get("coverage")
        row["mask_components"] = masks.get(item, {}).get("components")
        row["derivatives"] = files.get(item, [])
        row["faces"] = faces.get(item, [])
        row["measurements"] = measurements.get(item, {})
        own = [review for review in told if review.item_id == item]
        row["decision"] = reviews.standing(own).value
        row["reviews"] = [_review(review) for review in own]
        found.setdefault(row["asset"], []).append(row)
    return found


def _review(review: ReviewRecord) -> Record:
    told = asdict(review)
    return {"review": told.pop("review_id"), **{name: told[name] for name in told if name != "item_id"}}


def _derivatives(connection: Connection, items: Sequence[int]) -> dict[int, list[Record]]:
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
    return grouped(connection.execute(query), "work_item_id")


def _faces(connection: Connection, items: Sequence[int]) -> dict[int, list[Record]]:
    query = select(Face.__table__).where(Face.work_item_id.in_(items))
    rows = grouped(connection.execute(query.order_by(Face.work_item_id, Face.position)), "work_item_id")
    for faces in rows.values():
        for face in faces:
            face["box"] = [face.pop(side) for side in ("x", "y", "width", "height")]
            del face["position"]
    return rows


def _measurements(connection: Connection, items: Sequence[int]) -> dict[int, dict[str, float]]:
    query = select(Measurement.__table__).where(Measurement.work_item_id.in_(items))
    found = {}
    for row in connection.execute(query):
        hot = {name: getattr(row, name) for name in HOT_MEASUREMENTS}
        known = {name: value for name, value in hot.items() if value is not None}
        found[row.work_item_id] = {**known, **row.extra}
    return found


def _masks(connection: Connection, items: Sequence[int]) -> dict[int, Record]:
    query = select(Mask.work_item_id, Mask.coverage, Mask.components).where(Mask.work_item_id.in_(items))
    return {row.work_item_id: dict(row._mapping) for row in connection.execute(query)}


def located(connection: Connection, assets: Sequence[int]) -> dict[int, list[Record]]:
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
        .order_by(Location.last_seen.desc(), Location.id.desc())
    )
    return grouped(connection.execute(query), "asset_id")


def _contents(
    connection: Connection, locations: dict[int, list[Record]], items: dict[int, list[Record]]
) -> dict[str, Record]:
    rows = [row for group in (*locations.values(), *items.values()) for row in group]
    digests = {row["sha256"] for row in rows if row["sha256"]}
    query = select(
        Content.sha256,
        Content.size,
        Content.format,
        Content.width,
        Content.height,
        Content.bit_depth,
        Content.header.label("metadata"),
        Content.warnings,
    ).where(Content.sha256.in_(digests))
    return {row.sha256: dict(row._mapping) for row in connection.execute(query)}


def _events(connection: Connection, assets: Sequence[int]) -> dict[int, list[Record]]:
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
    return grouped(connection.execute(query), "asset_id")
