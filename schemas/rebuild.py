"""Taking photos back into a catalog from what was written beside their derivatives.

Unlike planning, nothing is decided here: stems and prefixes are those under which the files lie. What is not
beside the derivatives (quarantined and failed photos, times, earlier runs, reviews, accounts) does not come
back; the next run finds such photos pending again. Of results that the catalog has, only the addresses of their
files are renewed (:mod:`schemas.relocation`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection, case, insert, select, update

from schemas import audit, ingest, outcomes, queue_upkeep, relocation, rules, tallies
from schemas.audit import AuditEntry
from schemas.ingest_records import AssetRecord
from schemas.listing import lock_collection
from schemas.rebuild_records import LostRuns, RebuiltPhoto, Taken
from schemas.records import (
    COUNTS,
    EventRecord,
    EventType,
    ModelRecord,
    OutcomeRecord,
    RunState,
    WorkState,
)
from schemas.runs import link_models
from schemas.statements import (
    agent_ids,
    event_row,
    insert_events,
    insert_rows,
    now,
    software_agent,
    upsert,
)
from schemas.tables import Asset, Collection, Location, Recipe, Run, WorkItem

_LOST = "null"
"""The document of a recipe whose file is lost."""


def recipe(connection: Connection, sha256: str, document: str | None, models: Sequence[ModelRecord]) -> int:
    """Return a recipe's id; ``document`` None where it is lost, recorded as JSON ``null`` until it is back."""
    row = {"sha256": sha256, "document": document or _LOST, "created_at": now()}
    statement = upsert(connection, Recipe)
    statement = statement.on_conflict_do_update(
        index_elements=["sha256"],
        set_={"document": statement.excluded.document},
        where=Recipe.document == _LOST,
    )
    connection.execute(statement, [row])
    number = connection.execute(select(Recipe.id).where(Recipe.sha256 == sha256)).scalar_one()
    link_models(connection, number, tuple(models))
    return number


def _begin(connection: Connection, lost: LostRuns) -> int:
    """Record a run that stands for those that were lost, so far for none of their results; return its id."""
    moment = now()
    destination = {"rebuilt_from": lost.destination, "destination": lost.destination}
    values = {
        "collection_id": lost.collection,
        "recipe_id": lost.recipe,
        "parameters": {**lost.parameters, **destination},
        "state": RunState.COMPLETED.value,
        "started_at": moment,
        "planned_at": moment,
        "finished_at": moment,
        **dict.fromkeys(COUNTS, 0),
    }
    return connection.execute(insert(Run).values(values).returning(Run.id)).scalar_one()


def take_back(
    connection: Connection, lost: LostRuns, run_id: int | None, photos: Sequence[RebuiltPhoto], actor: str
) -> Taken:
    """Record results of one recipe that the catalog does not have, and where the files of the others lie now.

    ``run_id``: the run of the batch before; the first batch that changes anything begins one. The run's counts and
    the audit chain hold for what was recorded so far: any batch may be the last, and no later call knows of it.
    To be called last in a transaction, see :func:`schemas.audit.append`.
    """
    agent = software_agent()
    agents = agent_ids(connection, {agent, *(photo.software for photo in photos)})
    lock_collection(connection, lost.collection)
    before = _recorded(connection, lost, photos)
    new = [photo for photo in photos if (photo.key, photo.sha256) not in before]
    known = {
        before[photo.key, photo.sha256]: photo.outcome.derivatives
        for photo in photos
        if (photo.key, photo.sha256) in before
    }
    refused = _taken_places(connection, lost.collection, new)
    new = [photo for photo in new if photo.key not in refused]
    relocated = relocation.follow(connection, known)
    if run_id is None and (new or relocated):
        # Also where files only lie elsewhere: the desk shows what lies in places that runs name.
        run_id = _begin(connection, lost)
    if new and run_id is not None:
        _take_in(connection, lost, run_id, new, agents[agent])
    if new or relocated:
        detail = {"photos": len(new), "relocated": relocated, "runs": [run_id]}
        audit.append(connection, [AuditEntry(actor, "catalog rebuilt", lost.destination, detail)], now())
    return Taken(len(new), len(known), relocated, tuple(sorted(refused)), run_id)


def _take_in(
    connection: Connection, lost: LostRuns, run_id: int, photos: Sequence[RebuiltPhoto], agent: int
) -> None:
    """Record results that the catalog does not have."""
    assets = _assets(connection, lost.collection, photos)
    _places(connection, photos, assets)
    items = _work_items(connection, lost.recipe, run_id, photos, assets)
    fresh = [replace(photo.outcome, work_item_id=items[photo.key]) for photo in photos]
    # The rules of this catalog, as for photos of any other run: a sidecar has the flags of its day.
    flags = rules.applied(connection, fresh)
    fresh = [replace(one, flags=found) for one, found in zip(fresh, flags, strict=True)]
    outcomes.insert_results(connection, fresh, {items[photo.key]: photo.at for photo in photos})
    tallies.add(connection, [(run_id, str(one.outcome), 1, 0.0) for one in fresh])
    _count(connection, run_id, fresh)
    queue_upkeep.refresh_photos(connection, [one.work_item_id for one in fresh])
    rows = []
    for photo in photos:
        detail = {
            "note": "rebuilt from its sidecar",
            "made_by": photo.software,
            "made_at": photo.at.isoformat(),
        }
        event = EventRecord(EventType.RECOVERY, detail=detail, agent=software_agent())
        links = {"asset_id": assets[photo.key], "work_item_id": items[photo.key], "run_id": run_id}
        rows.append(event_row(event, {event.agent: agent}, **links))
    insert_events(connection, rows)


def _count(connection: Connection, run_id: int, results: Sequence[OutcomeRecord]) -> None:
    """Add results to the kept counts of their run."""
    counts = Counter(str(one.outcome) for one in results)
    more = {"inputs": counts.total(), **counts}
    values = {name: getattr(Run, name) + count for name, count in more.items()}
    connection.execute(update(Run).where(Run.id == run_id).values(values))


def _taken_places(connection: Connection, collection: int, photos: Sequence[RebuiltPhoto]) -> set[str]:
    """Return keys of photos whose stem is another asset's, or whose prefix another result's of theirs."""
    query = select(Asset.stem, Asset.key).where(
        Asset.collection_id == collection, Asset.stem.in_({photo.stem for photo in photos})
    )
    owners = {row.stem: row.key for row in connection.execute(query)}
    taken = {photo.key for photo in photos if owners.setdefault(photo.stem, photo.key) != photo.key}
    places = {(photo.key, photo.prefix) for photo in photos}
    held = (
        select(Asset.key, WorkItem.prefix)
        .join(WorkItem, WorkItem.asset_id == Asset.id)
        .where(Asset.collection_id == collection, Asset.key.in_({key for key, _ in places}))
    )
    return taken | {row.key for row in connection.execute(held) if (row.key, row.prefix) in places}


def _assets(connection: Connection, collection: int, photos: Sequence[RebuiltPhoto]) -> dict[str, int]:
    """Return assets by key, making those that are new."""
    keys = [photo.key for photo in photos]
    before = ingest.asset_ids(connection, collection, keys)
    moment = now()
    rows = [
        {"collection_id": collection, "key": photo.key, "stem": photo.stem, "created_at": moment}
        for photo in photos
        if photo.key not in before
    ]
    insert_rows(connection, Asset, rows)
    connection.execute(
        update(Collection).where(Collection.id == collection).values(photos=Collection.photos + len(rows))
    )
    return ingest.asset_ids(connection, collection, keys)


def _places(connection: Connection, photos: Sequence[RebuiltPhoto], assets: Mapping[str, int]) -> None:
    """Record bytes and where they lay; of several sidecars of a photo the latest tells what lies there."""
    records = [_asset_record(photo) for photo in photos]
    contents = ingest.upsert_contents(connection, records, now(), measured=False)
    statement = upsert(connection, Location)
    new = statement.excluded
    later = new.last_seen >= Location.last_seen
    values = {
        name: case((later, new[name]), else_=getattr(Location, name))
        for name in ("content_id", "size", "last_seen")
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
            # No run of this catalog saw it there: its own runs know better (schemas.listing.when_seen).
            "last_seen_run_id": None,
        }
        for photo in sorted(photos, key=lambda photo: photo.at)
    ]
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
    connection: Connection, lost: LostRuns, photos: Sequence[RebuiltPhoto]
) -> dict[tuple[str, str], int]:
    """Return the recipe's work items of these photos by key and bytes."""
    query = (
        select(Asset.key, WorkItem.input_sha, WorkItem.id)
        .join(WorkItem, WorkItem.asset_id == Asset.id)
        .where(
            WorkItem.recipe_id == lost.recipe,
            Asset.collection_id == lost.collection,
            Asset.key.in_([photo.key for photo in photos]),
        )
    )
    return {(row.key, row.input_sha): row.id for row in connection.execute(query)}


def _work_items(
    connection: Connection,
    recipe_id: int,
    run_id: int,
    photos: Sequence[RebuiltPhoto],
    assets: Mapping[str, int],
) -> dict[str, int]:
    """Make work items; return their ids by key, each of which is there once."""
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
    statement = insert(WorkItem).returning(WorkItem.id, sort_by_parameter_order=True)
    numbers = connection.scalars(statement, rows).all()
    return dict(zip((photo.key for photo in photos), numbers, strict=True))
