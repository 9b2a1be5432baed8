"""Collections, and what is known of a source: which photos need not be read again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, or_, select, tuple_
from sqlalchemy.orm import aliased

from schemas.errors import CatalogUseError
from schemas.ingest_records import KnownAsset
from schemas.statements import now, upsert
from schemas.tables import Asset, Collection, Content, Location


def collection_id(connection: Connection, name: str) -> int:
    """Return the collection's id; make the collection when it is new."""
    found = find_collection(connection, name)
    if found is None:
        row = {"name": name, "created_at": now()}
        connection.execute(upsert(connection, Collection).on_conflict_do_nothing(), [row])
        found = find_collection(connection, name)
    assert found is not None
    return found


def find_collection(connection: Connection, name: str) -> int | None:
    """Return the collection's id; None when there is none of this name."""
    return connection.scalar(select(Collection.id).where(Collection.name == name))


def collection_names(connection: Connection, *, limit: int) -> list[str]:
    """Return the names of collections in order, without counting what is in them."""
    return list(connection.scalars(select(Collection.name).order_by(Collection.name).limit(limit)))


def require_collection(connection: Connection, name: str) -> int:
    """Return the collection's id. Raises CatalogUseError when there is none of this name."""
    found = find_collection(connection, name)
    if found is None:
        there = ", ".join(map(repr, collection_names(connection, limit=10))) or "none"
        raise CatalogUseError(f"there is no collection {name!r} in this catalog (there are: {there})")
    return found


def within_unsorted(collection: int) -> ColumnElement[bool]:
    """Condition that an asset is of a collection, for a walk by id.

    A sum is no column, and so no index of collections: no page sorts a whole collection first.
    """
    condition: ColumnElement[bool] = Asset.collection_id + 0 == collection
    return condition


def photo_count(connection: Connection, name: str | None) -> int:
    """Return how many photos a collection, or all of them, have ever had; 0 for an unknown one."""
    query = select(func.coalesce(func.sum(Collection.photos), 0))
    if name is not None:
        query = query.where(Collection.name == name)
    return int(connection.execute(query).scalar_one())


def lock_collection(connection: Connection, collection: int) -> None:
    """Keep other writers of the collection out until the transaction ends. Raises CatalogUseError."""
    query = select(Collection.id).where(Collection.id == collection).with_for_update(key_share=True)
    if connection.scalar(query) is None:
        raise CatalogUseError(f"there is no collection {collection} in this catalog")


def known(connection: Connection, collection: int, keys: Sequence[str]) -> dict[str, KnownAsset]:
    """Return what is known of the keys, as last seen."""
    rows = connection.execute(_known(collection).where(Asset.key.in_(keys)))
    return {row.key: KnownAsset(**row._mapping) for row in rows}


def of_bytes_seen_last(item: Any) -> ColumnElement[bool]:
    """Condition that a work item is of the bytes that its photo had when it was seen last.

    A work item of bytes that nobody could read (it has no content) is, while they cannot be read.
    """
    place = aliased(Location)
    unread = and_(item.content_id.is_(None), place.error_class == item.error_class)
    same = or_(place.content_id == item.content_id, unread)
    return exists().where(place.asset_id == item.asset_id, same, ~_seen_later(place))


def when_seen(place: Any = Location) -> tuple[ColumnElement[Any], ...]:
    """Return by what the places of a photo are ordered, the one where it was seen last at the end.

    Runs are numbered in their order, which a clock that was ahead for a while does not change; the view ``photos``
    goes by the same. A place that no run has seen, known from a sidecar, comes before all others.
    """
    return func.coalesce(place.last_seen_run_id, 0), place.last_seen, place.id


def _seen_later(place: Any) -> ColumnElement[bool]:
    """Condition that the photo at a location was seen elsewhere later."""
    later = aliased(Location)
    return exists().where(
        later.asset_id == place.asset_id, tuple_(*when_seen(later)) > tuple_(*when_seen(place))
    )


def _known(collection: int) -> Select[Any]:
    return (
        select(
            Asset.id.label("asset_id"),
            Location.id.label("location_id"),
            Content.id.label("content_id"),
            Asset.key,
            Location.uri,
            Location.size,
            Location.modified,
            Content.sha256,
        )
        .join(Location, Location.asset_id == Asset.id)
        .join(Content, Content.id == Location.content_id)
        .where(
            Asset.collection_id == collection,
            Location.error.is_(None),
            # Of bytes read while their file grew, earlier versions recorded the size that it was listed with.
            Content.size == Location.size,
            ~_seen_later(Location),
        )
    )
