"""What a decision is about: each item's output, and the last review of it, as of now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from schemas.records import WITH_OUTPUT, DerivativeKind
from schemas.statements import MAX_PARAMETERS, batches
from schemas.tables import Asset, Derivative, Review, WorkItem


@dataclass(frozen=True)
class ItemState:
    """An item as it is in this transaction."""

    asset_id: int
    key: str
    content_id: int | None
    collection_id: int
    run_id: int | None
    output_sha256: str
    last_review: int | None


def digests(connection: Connection, items: Sequence[int]) -> dict[int, str]:
    """Return the digest of each item's output (:mod:`schemas.review_records`), where it has one."""
    return {item: found.output_sha256 for item, found in standings(connection, items).items()}


def standings(connection: Connection, items: Sequence[int], *, lock: bool = False) -> dict[int, ItemState]:
    """Return the state of each item that has an output; with ``lock`` no one else can decide on it."""
    found: dict[int, ItemState] = {}
    for chunk in batches(sorted(set(items)), MAX_PARAMETERS):
        found |= _page_of(connection, chunk, lock=lock)
    return found


def unknown(item: int) -> str:
    """Return what is said of an item that is not there."""
    return f"there is no work item {item} with an output in this catalog"


def _page_of(connection: Connection, items: Sequence[int], *, lock: bool) -> dict[int, ItemState]:
    query = (
        select(
            WorkItem.id,
            WorkItem.asset_id,
            Asset.key,
            WorkItem.content_id,
            WorkItem.run_id,
            WorkItem.state,
            WorkItem.input_sha,
            Asset.collection_id,
        )
        .join(Asset, Asset.id == WorkItem.asset_id)
        .where(WorkItem.id.in_(items), WorkItem.state.in_(WITH_OUTPUT))
        .order_by(WorkItem.id)
    )
    rows = connection.execute(query.with_for_update(of=WorkItem, key_share=True) if lock else query).all()
    made = (
        select(Derivative.work_item_id, Derivative.sha256)
        .where(Derivative.work_item_id.in_(items), Derivative.kind == DerivativeKind.RESTORED.value)
        .order_by(Derivative.id.desc())
    )
    restored = {row.work_item_id: row.sha256 for row in connection.execute(made)}
    last = {
        row[0]: row[1]
        for row in connection.execute(
            select(Review.work_item_id, func.max(Review.id))
            .where(Review.work_item_id.in_(items))
            .group_by(Review.work_item_id)
        )
    }
    return {
        row.id: ItemState(
            row.asset_id,
            row.key,
            row.content_id,
            row.collection_id,
            row.run_id,
            restored.get(row.id, row.input_sha),
            last.get(row.id),
        )
        for row in rows
    }
