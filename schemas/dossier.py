"""Everything about single photos: what they are, where they were seen, what was done, what came of it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence, Set
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, true, union

from schemas import dossier_parts as parts
from schemas import queue_rows, redos, reviews
from schemas.errors import UnknownItemError
from schemas.items import as_row, item_rows
from schemas.listing import require_collection, within_unsorted
from schemas.queries import begins_with
from schemas.queue_upkeep import ITEM
from schemas.records import WITH_OUTPUT
from schemas.review_records import MaskEditRecord, Standing
from schemas.rows import AssetRow, Dossier, History, PhotoParts, ResultRow
from schemas.tables import (
    Asset,
    Collection,
    Content,
    Derivative,
    Location,
    MaskEdit,
    QueueEntry,
    Recipe,
    WorkItem,
)

_DIGEST = re.compile(r"[0-9a-fA-F]{6,64}")


def show(
    connection: Connection, reference: str, *, collection: str | None, limit: int, after: int | None
) -> list[Dossier]:
    """Return a dossier for each photo that ``reference`` names: a key, or the beginning of a digest.

    A dossier has ``key, sha256, outcome, reason, flags, restored, mask`` and more of the work item that
    answers the question best (that of the digest asked for, else the present result, see
    :mod:`schemas.present`; without any result that of the bytes seen last), and with it ``content``,
    ``locations``, ``work_items``, ``derivatives``, ``faces``, ``measurements``, ``decision``, ``reviews``,
    ``models`` and ``events``. A photo not yet planned has ``outcome`` None.
    """
    within = None if collection is None else require_collection(connection, collection)
    assets = _find(connection, Asset.key == reference, within, limit, after)
    digest = None
    if not assets and _DIGEST.fullmatch(reference):
        digest = reference.lower()
        assets = _find(connection, Asset.id.in_(_by_digest(digest)), within, limit, after)
    return _dossiers(connection, assets, digest)


def history(connection: Connection, item: int) -> History:
    """Return everything about one work item; see ``Catalog.history``. Raises UnknownItemError."""
    asset = connection.scalar(select(WorkItem.asset_id).where(WorkItem.id == item))
    if asset is None:
        raise UnknownItemError(f"there is no work item {item} in this catalog")
    (found,) = _dossiers(connection, _find(connection, Asset.id == asset, None, 1, None), None, item)
    document = connection.execute(
        select(Recipe.document).join(WorkItem, WorkItem.recipe_id == Recipe.id).where(WorkItem.id == item)
    ).scalar_one()
    queued = queue_rows.rows(connection, [(item, None)])
    results = [one for one in found["work_items"] if one["outcome"] in WITH_OUTPUT]
    present = _best(results, _set_aside(connection, [asset]))
    return {
        **found,
        "recipe_document": json.loads(document),
        "mask_edits": _mask_edits(connection, item),
        "queue": queued[0] if queued else None,
        "present": present["work_item"] if present else None,
    }


def page(connection: Connection, *, collection: str | None, after: int, limit: int) -> list[Dossier]:
    """Return the dossiers of a page of photos, in the order in which they were first seen.

    ``after``: the last ``asset`` of the page before. Raises CatalogUseError for an unknown collection.
    """
    condition: ColumnElement[bool] = true()
    if collection is not None:
        condition = within_unsorted(require_collection(connection, collection))
    return _dossiers(connection, _find(connection, condition, None, limit, after, named=False), None)


def _mask_edits(connection: Connection, item: int) -> list[MaskEditRecord]:
    query = select(MaskEdit.__table__).where(MaskEdit.work_item_id == item).order_by(MaskEdit.id)
    return [redos.mask_edit_of(row) for row in connection.execute(query)]


def _find(
    connection: Connection,
    condition: Any,
    within: int | None,
    limit: int,
    after: int | None,
    *,
    named: bool = True,
) -> list[AssetRow]:
    query = (
        select(Asset.id.label("asset"), Collection.name.label("collection"), Asset.key, Asset.stem)
        .join(Collection, Collection.id == Asset.collection_id)
        .where(condition)
        .order_by(Asset.id)
        .limit(limit)
    )
    if named:
        # Named, so that the index of (collection, key) serves a search for the key as well.
        scope = select(Collection.id) if within is None else [within]
        query = query.where(Asset.collection_id.in_(scope))
    if after is not None:
        query = query.where(Asset.id > after)
    return [as_row(row, AssetRow) for row in connection.execute(query)]


def _by_digest(digest: str) -> Any:
    contents = select(Content.id).where(begins_with(Content.sha256, digest))
    made = select(Derivative.work_item_id).where(begins_with(Derivative.sha256, digest))
    return union(
        select(Location.asset_id).where(Location.content_id.in_(contents)),
        select(WorkItem.asset_id).where(WorkItem.content_id.in_(contents)),
        select(WorkItem.asset_id).where(WorkItem.id.in_(made)),
    )


def _dossiers(
    connection: Connection, assets: list[AssetRow], digest: str | None, item: int | None = None
) -> list[Dossier]:
    ids = [asset["asset"] for asset in assets]
    items = _work_items(connection, ids)
    aside = _set_aside(connection, ids)
    locations = parts.located(connection, ids)
    events = parts.events(connection, ids)
    contents = parts.contents(connection, locations, items)
    models = parts.models(connection, items)
    dossiers: list[Dossier] = []
    for asset in assets:
        number = asset["asset"]
        seen = locations.get(number, [])
        current = seen[0]["sha256"] if seen else None
        done = items.get(number, [])
        best = _best(done, aside, current, digest, item)
        sha = best["sha256"] if best else current
        own: PhotoParts = {
            "stem": asset["stem"],
            "content": contents.get(sha) if sha else None,
            "locations": seen,
            "work_items": done,
            "models": models.get(best["recipe"], []) if best else [],
            "events": events.get(number, []),
        }
        dossiers.append({**best, **own} if best else _unplanned(asset, current, own))
    return dossiers


def _set_aside(connection: Connection, assets: Sequence[int]) -> set[int]:
    query = select(WorkItem.id).where(WorkItem.asset_id.in_(assets), WorkItem.set_aside)
    return set(connection.scalars(query))


def _best(
    items: list[ResultRow],
    aside: Set[int],
    current: str | None = None,
    digest: str | None = None,
    number: int | None = None,
) -> ResultRow | None:
    """Return the work item that answers the question; ``items`` come newest first, ``aside`` were set aside."""

    def merit(item: ResultRow) -> tuple[bool, bool, bool, bool, bool]:
        sha = item["sha256"] or ""
        files = [file["sha256"] for file in item["derivatives"]]
        asked = digest is not None and any(found.startswith(digest) for found in (sha, *files))
        # What is still to be done, or failed, takes no result's place, of a new scan neither; see `schemas.present`.
        result = item["outcome"] in WITH_OUTPUT
        seen_last = not result and sha == current
        return item["work_item"] == number, asked, result, seen_last, item["work_item"] not in aside

    return max(items, key=merit, default=None)


def _unplanned(asset: AssetRow, sha256: str | None, own: PhotoParts) -> Dossier:
    return {
        "collection": asset["collection"],
        "key": asset["key"],
        "sha256": sha256,
        "outcome": None,
        "reason": None,
        "error_class": None,
        "tier": None,
        "restored": None,
        "mask": None,
        "asset": asset["asset"],
        "flags": [],
        "derivatives": [],
        "faces": [],
        "measurements": {},
        "decision": None,
        "reviews": [],
        "stem": own["stem"],
        "content": own["content"],
        "locations": own["locations"],
        "work_items": own["work_items"],
        "models": own["models"],
        "events": own["events"],
    }


def _work_items(connection: Connection, assets: Sequence[int]) -> dict[int, list[ResultRow]]:
    query = select(WorkItem.id).where(WorkItem.asset_id.in_(assets)).order_by(WorkItem.id.desc())
    ids = list(connection.scalars(query))
    rows = item_rows(connection, ids, open_flags_only=False)
    files = parts.derivatives(connection, ids)
    faces = parts.faces(connection, ids)
    measurements = parts.measurements(connection, ids)
    masks = parts.masks(connection, ids)
    decisions = _decisions(connection, ids)
    told = reviews.of_items(connection, ids)
    found: dict[int, list[ResultRow]] = {}
    for item in ids:
        coverage, components = masks.get(item, (None, None))
        own = [review for review in told if review.item_id == item]
        row: ResultRow = {
            **rows[item],
            "mask_coverage": coverage,
            "mask_components": components,
            "derivatives": files.get(item, []),
            "faces": faces.get(item, []),
            "measurements": measurements.get(item, {}),
            "decision": decisions.get(item, Standing.UNDECIDED.value),
            "reviews": [parts.review(review) for review in own],
        }
        found.setdefault(row["asset"], []).append(row)
    return found


def _decisions(connection: Connection, items: Sequence[int]) -> dict[int, str]:
    """Return how each work item with an output stands, as the queue and the view ``results`` say."""
    query = select(QueueEntry.work_item_id, QueueEntry.decision).where(
        QueueEntry.code == ITEM, QueueEntry.work_item_id.in_(items)
    )
    return {row.work_item_id: row.decision for row in connection.execute(query)}
