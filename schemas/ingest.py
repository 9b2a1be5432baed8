"""Recording what a source holds: assets, contents, locations, and a run's inputs.

Every function works inside its caller's transaction. Writers of one collection take turns (its row is
locked), so that stems are given once and two runs never see half of each other's batch.
"""

from __future__ import annotations

from collections.abc import Collection as Some
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, func, or_, select, update

from schemas.errors import CatalogUseError
from schemas.ingest_events import NOTHING, Before, events_of, is_changed
from schemas.ingest_records import AssetRecord, IngestCounts, KnownAsset
from schemas.listing import lock_collection, when_seen
from schemas.naming import assign_stems
from schemas.records import (
    RunState,
)
from schemas.runs import refuse_taken_over
from schemas.statements import agent_ids, event_row, insert_events, now, software_agent, upsert
from schemas.tables import Asset, Collection, Content, Location, Run, RunInput


def record_batch(
    connection: Connection, collection: int, records: Sequence[AssetRecord | KnownAsset], run_id: int
) -> IngestCounts:
    """Record a batch as seen in this run; of several records of one key the last counts."""
    last = {record.key: record for record in records}
    fresh = [record for record in last.values() if isinstance(record, AssetRecord)]
    unchanged = [record for record in last.values() if isinstance(record, KnownAsset)]
    names = {event.agent for record in fresh for event in record.events}
    agents = agent_ids(connection, names | {software_agent()})
    lock_collection(connection, collection)
    _require_listing(connection, collection, run_id)
    moment = now()
    _see_again(connection, unchanged, run_id, moment)
    counts = _take_in(connection, _Batch(collection, run_id, moment, agents), fresh)
    return replace(counts, seen=len(last))


def _require_listing(connection: Connection, collection: int, run_id: int) -> None:
    run = connection.execute(select(Run.__table__).where(Run.id == run_id)).one_or_none()
    if run is None or run.collection_id != collection:
        raise CatalogUseError(f"run {run_id} is not a run of collection {collection}")
    refuse_taken_over(connection, run)
    if run.state != RunState.RUNNING or run.planned_at is not None:
        raise CatalogUseError(
            f"run {run_id} is already planned or ended; start a new run to list the source again"
        )


def _see_again(connection: Connection, records: list[KnownAsset], run_id: int, moment: datetime) -> None:
    if not records:
        return
    connection.execute(
        update(Location)
        .where(Location.id.in_([record.location_id for record in records]))
        .values(last_seen=moment, last_seen_run_id=run_id)
    )
    _add_inputs(
        connection,
        [
            {
                "run_id": run_id,
                "asset_id": record.asset_id,
                "location_id": record.location_id,
                "content_id": record.content_id,
                "input_sha": record.sha256,
            }
            for record in records
        ],
    )


@dataclass(frozen=True)
class _Batch:
    """What is common to the records of one batch."""

    collection: int
    run_id: int
    moment: datetime
    agents: dict[str, int]


def _take_in(connection: Connection, batch: _Batch, records: list[AssetRecord]) -> IngestCounts:
    if not records:
        return IngestCounts()
    old = asset_ids(connection, batch.collection, [record.key for record in records])
    before = _before(connection, list(old.values()))
    _add_assets(connection, batch, [record.key for record in records if record.key not in old])
    assets = asset_ids(connection, batch.collection, [record.key for record in records])
    contents = upsert_contents(connection, records, batch.moment)
    _upsert_locations(connection, batch, records, assets, contents)
    _list_inputs(connection, batch, records, assets, contents)
    counts = IngestCounts()
    events: list[dict[str, Any]] = []
    for record in records:
        previous = before.get(assets[record.key], NOTHING)
        found = events_of(record, previous, is_new=record.key not in old)
        links = {
            "asset_id": assets[record.key],
            "content_id": contents.get(record.sha256 or ""),
            "run_id": batch.run_id,
        }
        events += [event_row(event, batch.agents, **links) for event in found]
        counts += IngestCounts(
            new=int(record.key not in old),
            changed=int(is_changed(record, previous)),
            unreadable=int(record.error is not None),
        )
    insert_events(connection, events)
    return counts


def asset_ids(connection: Connection, collection: int, keys: Sequence[str]) -> dict[str, int]:
    """Return the ids of a collection's assets by key."""
    query = select(Asset.key, Asset.id).where(Asset.collection_id == collection, Asset.key.in_(keys))
    return {row.key: row.id for row in connection.execute(query)}


def _before(connection: Connection, assets: Sequence[int]) -> dict[int, Before]:
    query = (
        select(Location.asset_id, Content.sha256, Location.error)
        .outerjoin(Content, Content.id == Location.content_id)
        .where(Location.asset_id.in_(assets))
        .order_by(*when_seen())
    )
    return {row.asset_id: Before(row.sha256, row.error) for row in connection.execute(query)}


def _add_assets(connection: Connection, batch: _Batch, keys: list[str]) -> None:
    def owned(stems: Some[str]) -> set[str]:
        query = select(Asset.stem).where(Asset.collection_id == batch.collection, Asset.stem.in_(stems))
        return set(connection.scalars(query))

    stems = assign_stems(keys, owned)
    rows = [
        {"collection_id": batch.collection, "key": key, "stem": stem, "created_at": batch.moment}
        for key, stem in stems.items()
    ]
    if rows:
        connection.execute(upsert(connection, Asset), rows)
        connection.execute(
            update(Collection)
            .where(Collection.id == batch.collection)
            .values(photos=Collection.photos + len(rows))
        )


def upsert_contents(
    connection: Connection, records: Sequence[AssetRecord], moment: datetime, *, measured: bool = True
) -> dict[str, int]:
    """Add new contents, renew what headers said where one was read, and return ids by digest.

    Sizes are renewed where they were ``measured`` on the bytes, and not only repeated.
    """
    by_sha = {record.sha256: record for record in records if record.sha256 is not None}
    if not by_sha:
        return {}
    statement = upsert(connection, Content)
    new, old = statement.excluded, Content.__table__.c
    has_header = new.format.is_not(None)
    header = ("format", "width", "height", "bit_depth", "metadata", "warnings")
    values: dict[str, Any] = {name: case((has_header, new[name]), else_=old[name]) for name in header}
    if measured:
        values["size"] = new.size
    statement = statement.on_conflict_do_update(
        index_elements=["sha256"],
        set_=values,
        where=or_(has_header, old.size != new.size) if measured else has_header,
    )
    # Always in the order of digests: two collections with common contents would else wait for each other.
    rows = [_content_row(by_sha[sha], moment) for sha in sorted(by_sha)]
    connection.execute(statement, rows)
    return content_ids(connection, by_sha)


def content_ids(connection: Connection, digests: Some[str]) -> dict[str, int]:
    """Return the ids of contents by digest."""
    query = select(Content.sha256, Content.id).where(Content.sha256.in_(digests))
    return {row.sha256: row.id for row in connection.execute(query)}


def _content_row(record: AssetRecord, moment: datetime) -> dict[str, Any]:
    return {
        "sha256": record.sha256,
        "size": record.size,
        "format": record.format,
        "width": record.width,
        "height": record.height,
        "bit_depth": record.bit_depth,
        "metadata": dict(record.metadata),
        "warnings": list(record.warnings),
        "created_at": moment,
    }


def _upsert_locations(
    connection: Connection,
    batch: _Batch,
    records: list[AssetRecord],
    assets: dict[str, int],
    contents: dict[str, int],
) -> None:
    statement = upsert(connection, Location)
    renewed = ("size", "modified", "error", "error_class", "last_seen", "last_seen_run_id")
    values: dict[str, Any] = {name: statement.excluded[name] for name in renewed}
    values["content_id"] = func.coalesce(statement.excluded.content_id, Location.content_id)
    rows = [
        {
            "asset_id": assets[record.key],
            "content_id": contents.get(record.sha256 or ""),
            "uri": record.uri,
            "size": record.size,
            "modified": record.modified,
            "error": record.error,
            "error_class": record.error_class,
            "first_seen": batch.moment,
            "last_seen": batch.moment,
            "last_seen_run_id": batch.run_id,
        }
        for record in records
    ]
    connection.execute(statement.on_conflict_do_update(index_elements=["asset_id", "uri"], set_=values), rows)


def _list_inputs(
    connection: Connection,
    batch: _Batch,
    records: list[AssetRecord],
    assets: dict[str, int],
    contents: dict[str, int],
) -> None:
    places = connection.execute(
        select(Location.asset_id, Location.uri, Location.id).where(Location.asset_id.in_(assets.values()))
    )
    location = {(asset, uri): place for asset, uri, place in places}
    _add_inputs(
        connection,
        [
            {
                "run_id": batch.run_id,
                "asset_id": assets[record.key],
                "location_id": location[assets[record.key], record.uri],
                "content_id": contents.get(record.sha256 or ""),
                "input_sha": record.sha256 or "",
            }
            for record in records
        ],
    )


def _add_inputs(connection: Connection, rows: list[dict[str, Any]]) -> None:
    statement = upsert(connection, RunInput)
    values = {name: statement.excluded[name] for name in ("location_id", "content_id", "input_sha")}
    connection.execute(
        statement.on_conflict_do_update(index_elements=["run_id", "asset_id"], set_=values), rows
    )
