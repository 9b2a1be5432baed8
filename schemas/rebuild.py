"""Taking photos back into a catalog from what was written beside their derivatives.

Unlike planning, nothing is decided here: stems and prefixes are those under which the files lie. What is not
beside the derivatives (quarantined and failed photos, times, earlier runs, reviews, accounts) does not come
back; the next run finds such photos pending again. Of results that the catalog has, only the addresses of their
files are renewed (:mod:`schemas.relocation`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, insert, select, update

from schemas import ingest, outcomes, queue_upkeep, relocation, rules, tallies
from schemas.ingest_records import AssetRecord, check_key
from schemas.listing import lock_collection
from schemas.records import (
    OUTCOME_STATES,
    EventRecord,
    EventType,
    ModelRecord,
    OutcomeRecord,
    RunState,
    WorkState,
)
from schemas.runs import link_models
from schemas.statements import agent_ids, event_row, insert_events, now, software_agent, upsert
from schemas.tables import Asset, Collection, Location, Recipe, Run, WorkItem


@dataclass(frozen=True)
class RebuiltPhoto:
    """One result as its sidecar tells of it; ``at`` is when the sidecar was written.

    ``outcome.work_item_id`` is not looked at. Raises UnstorableKeyError.
    """

    key: str
    stem: str
    prefix: str
    uri: str
    sha256: str
    size: int
    recipe: str
    at: datetime
    header: Mapping[str, Any]
    warnings: tuple[str, ...]
    outcome: OutcomeRecord
    software: str = "oldphoto"

    def __post_init__(self) -> None:
        check_key(self.key)


@dataclass(frozen=True)
class Taken:
    """How many results of a batch were taken back, and keys whose names others hold by now.

    ``relocated``: of how many known ones the files lie elsewhere than recorded.
    """

    photos: int
    known: int
    relocated: int
    refused: tuple[str, ...] = ()


def recipe(connection: Connection, sha256: str, document: str | None, models: Sequence[ModelRecord]) -> int:
    """Return a recipe's id; ``document`` None where it is lost, which is recorded as JSON ``null``."""
    row = {"sha256": sha256, "document": document or "null", "created_at": now()}
    connection.execute(upsert(connection, Recipe).on_conflict_do_nothing(), [row])
    number = connection.execute(select(Recipe.id).where(Recipe.sha256 == sha256)).scalar_one()
    link_models(connection, number, tuple(models))
    return number


def begin(
    connection: Connection,
    collection: int,
    recipe_id: int,
    destination: str,
    parameters: Mapping[str, Any],
) -> int:
    """Record a run that stands for those that were lost; return its id. ``parameters``: what is known of theirs."""
    moment = now()
    values = {
        "collection_id": collection,
        "recipe_id": recipe_id,
        "parameters": {**parameters, "rebuilt_from": destination, "destination": destination},
        "state": RunState.COMPLETED.value,
        "started_at": moment,
        "planned_at": moment,
        "finished_at": moment,
    }
    return connection.execute(insert(Run).values(values).returning(Run.id)).scalar_one()


def end(connection: Connection, run_id: int) -> None:
    """Keep the counts of a run that stands for lost ones."""
    states = tallies.of_run(connection, run_id)
    counts = {state.value: states.get(state, 0) for state in OUTCOME_STATES}
    values = {**counts, "inputs": sum(counts.values()), "already_done": 0, "pending": 0}
    connection.execute(update(Run).where(Run.id == run_id).values(values))


def take_back(
    connection: Connection, collection: int, recipe_id: int, run_id: int, photos: Sequence[RebuiltPhoto]
) -> Taken:
    """Record results of one recipe that the catalog does not have, and where the files of the others lie now."""
    agent = software_agent()
    agents = agent_ids(connection, {agent, *(photo.software for photo in photos)})
    lock_collection(connection, collection)
    assets, refused = _assets(connection, collection, photos)
    photos = [photo for photo in photos if photo.key in assets]
    before = _recorded(connection, recipe_id, assets)
    known = {
        before[place]: photo.outcome.derivatives
        for photo in photos
        if (place := (assets[photo.key], photo.sha256)) in before
    }
    new = [photo for photo in photos if (assets[photo.key], photo.sha256) not in before]
    # Of a known photo the catalog knows better where it lay: it may have been seen elsewhere since.
    _places(connection, collection, run_id, new, assets)
    items = _work_items(connection, recipe_id, run_id, new, assets)
    fresh = [replace(photo.outcome, work_item_id=items[photo.key]) for photo in photos if photo.key in items]
    if fresh:
        # The rules of this catalog, as for photos of any other run: a sidecar has the flags of its day.
        flags = rules.applied(connection, fresh)
        fresh = [replace(one, flags=found) for one, found in zip(fresh, flags, strict=True)]
        outcomes.insert_results(connection, fresh, now())
        tallies.add(connection, [(run_id, str(one.outcome), 1, 0.0) for one in fresh])
        queue_upkeep.refresh_photos(connection, [one.work_item_id for one in fresh])
    rows = []
    for photo in photos:
        if photo.key in items:
            detail = {
                "note": "rebuilt from its sidecar",
                "made_by": photo.software,
                "made_at": photo.at.isoformat(),
            }
            event = EventRecord(EventType.RECOVERY, detail=detail, agent=agent)
            links = {"asset_id": assets[photo.key], "work_item_id": items[photo.key], "run_id": run_id}
            rows.append(event_row(event, agents, **links))
    insert_events(connection, rows)
    relocated = relocation.follow(connection, known)
    return Taken(len(fresh), len(photos) - len(fresh), relocated, tuple(refused))


def _assets(
    connection: Connection, collection: int, photos: Sequence[RebuiltPhoto]
) -> tuple[dict[str, int], list[str]]:
    """Return assets by key, making those that are new, and keys whose stem is another asset's."""
    before = ingest.asset_ids(connection, collection, [photo.key for photo in photos])
    moment = now()
    rows = {
        photo.key: {
            "collection_id": collection,
            "key": photo.key,
            "stem": photo.stem,
            "created_at": moment,
        }
        for photo in photos
        if photo.key not in before
    }
    if rows:
        connection.execute(upsert(connection, Asset).on_conflict_do_nothing(), list(rows.values()))
    assets = ingest.asset_ids(connection, collection, [photo.key for photo in photos])
    new = len(assets) - len(before)
    connection.execute(
        update(Collection).where(Collection.id == collection).values(photos=Collection.photos + new)
    )
    return assets, sorted(set(rows) - set(assets))


def _places(
    connection: Connection,
    collection: int,
    run_id: int,
    photos: Sequence[RebuiltPhoto],
    assets: Mapping[str, int],
) -> None:
    """Record bytes and where they lay; of several sidecars of a photo the latest tells what lies there."""
    contents = ingest.upsert_contents(connection, [_asset_record(photo) for photo in photos], now())
    statement = upsert(connection, Location)
    new = statement.excluded
    later = new.last_seen >= Location.last_seen
    values = {
        name: case((later, new[name]), else_=getattr(Location, name))
        for name in ("content_id", "size", "last_seen", "last_seen_run_id")
    }
    values["first_seen"] = case((later, Location.first_seen), else_=new.first_seen)
    statement = statement.on_conflict_do_update(index_elements=["asset_id", "uri"], set_=values)
    rows = [
        {
            "asset_id": assets[photo.key],
            "content_id": contents[photo.sha256],
            "uri": photo.uri,
            "size": photo.size,
            # No change token: the next run reads the file again and compares.
            "modified": "",
            "first_seen": photo.at,
            "last_seen": photo.at,
            "last_seen_run_id": run_id,
        }
        for photo in sorted(photos, key=lambda photo: photo.at)
    ]
    if rows:
        connection.execute(statement, rows)


def _asset_record(photo: RebuiltPhoto) -> AssetRecord:
    header = photo.header
    return AssetRecord(
        photo.key,
        photo.uri,
        photo.size,
        "",
        photo.sha256,
        format=header.get("format"),
        width=header.get("width"),
        height=header.get("height"),
        bit_depth=header.get("bit_depth"),
        metadata=header,
        warnings=photo.warnings,
    )


def _recorded(
    connection: Connection, recipe_id: int, assets: Mapping[str, int]
) -> dict[tuple[int, str | None], int]:
    """Return the recipe's work items of these assets by asset and bytes."""
    query = select(WorkItem.asset_id, WorkItem.input_sha, WorkItem.id).where(
        WorkItem.recipe_id == recipe_id, WorkItem.asset_id.in_(assets.values())
    )
    return {(row.asset_id, row.input_sha): row.id for row in connection.execute(query)}


def _work_items(
    connection: Connection,
    recipe_id: int,
    run_id: int,
    photos: Sequence[RebuiltPhoto],
    assets: Mapping[str, int],
) -> dict[str, int]:
    """Make work items; return their ids by key."""
    contents = ingest.content_ids(connection, {photo.sha256 for photo in photos})
    rows = [
        {
            "asset_id": assets[photo.key],
            "content_id": contents[photo.sha256],
            "input_sha": photo.sha256,
            "recipe_id": recipe_id,
            "run_id": run_id,
            "state": WorkState(photo.outcome.outcome).value,
            "reason": photo.outcome.reason,
            "attempts": 1,
            "interruptions": 0,
            "tier": photo.outcome.tier,
            "prefix": photo.prefix,
            "created_at": photo.at,
            "finished_at": photo.at,
        }
        for photo in photos
    ]
    if rows:
        connection.execute(upsert(connection, WorkItem).on_conflict_do_nothing(), rows)
    after = _recorded(connection, recipe_id, assets)
    return {
        photo.key: after[place] for photo in photos if (place := (assets[photo.key], photo.sha256)) in after
    }
