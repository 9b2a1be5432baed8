"""Work items as readers see them: one flat row each, with its flags and the files that matter most."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Row, select

from schemas.listing import when_seen
from schemas.records import DerivativeKind, FlagState
from schemas.review_records import SEVERITY_RANKS
from schemas.rows import FlagRow, ItemColumns, ItemRow
from schemas.tables import Asset, Collection, Derivative, Flag, Location, Mask, Recipe, WorkItem

RowT = TypeVar("RowT")


def item_rows(connection: Connection, items: Sequence[int], *, open_flags_only: bool) -> dict[int, ItemRow]:
    """Return a row for each work item id, from five statements whatever their number.

    ``outcome`` is the work item's state (pending and running included); ``restored`` and ``mask`` are URIs
    or None; ``source`` is where the photo was seen last; the gravest of ``flags`` comes first.
    """
    query = (
        select(
            WorkItem.id.label("work_item"),
            Collection.name.label("collection"),
            Asset.key,
            WorkItem.input_sha.label("sha256"),
            WorkItem.state.label("outcome"),
            WorkItem.reason,
            WorkItem.error_class,
            WorkItem.tier,
            WorkItem.attempts,
            WorkItem.seconds,
            WorkItem.finished_at,
            WorkItem.run_id.label("run"),
            Recipe.sha256.label("recipe"),
            WorkItem.asset_id.label("asset"),
        )
        .join(Asset, Asset.id == WorkItem.asset_id)
        .join(Collection, Collection.id == Asset.collection_id)
        .join(Recipe, Recipe.id == WorkItem.recipe_id)
        .where(WorkItem.id.in_(items))
    )
    rows = {row.work_item: as_row(row, ItemColumns) for row in connection.execute(query)}
    flags = flags_of(connection, items, open_only=open_flags_only)
    files = files_of(connection, items)
    sources = sources_of(connection, [row["asset"] for row in rows.values()])
    found: dict[int, ItemRow] = {}
    for item, row in rows.items():
        row["sha256"] = row["sha256"] or None
        found[item] = {
            **row,
            "source": sources.get(row["asset"]),
            "flags": flags.get(item, []),
            "restored": files.get(item, {}).get(DerivativeKind.RESTORED),
            "mask": files.get(item, {}).get(DerivativeKind.MASK),
        }
    return found


def flags_of(connection: Connection, items: Sequence[int], *, open_only: bool) -> dict[int, list[FlagRow]]:
    """Return the flags of each work item, the gravest first."""
    query = (
        select(
            Flag.work_item_id,
            Flag.code,
            Flag.severity,
            Flag.value,
            Flag.threshold,
            Flag.rule_version,
            Flag.explanation,
            Flag.state,
        )
        .where(Flag.work_item_id.in_(items))
        .order_by(Flag.id)
    )
    if open_only:
        query = query.where(Flag.state == FlagState.OPEN.value)
    found = grouped(connection.execute(query), "work_item_id", FlagRow)
    for flags in found.values():
        flags.sort(key=lambda flag: -SEVERITY_RANKS.get(flag["severity"], 0))
    return found


def files_of(connection: Connection, items: Sequence[int]) -> dict[int, dict[str, str]]:
    """Return, for each work item, the URI of its file of each kind (the first of several)."""
    query = (
        select(Derivative.work_item_id, Derivative.kind, Derivative.uri)
        .where(Derivative.work_item_id.in_(items))
        .order_by(Derivative.id.desc())
    )
    files: dict[int, dict[str, str]] = defaultdict(dict)
    masks = select(Mask.work_item_id, Mask.uri).where(Mask.work_item_id.in_(items), Mask.uri.is_not(None))
    for item, uri in connection.execute(masks):
        files[item][DerivativeKind.MASK] = uri
    for item, kind, uri in connection.execute(query):
        files[item][kind] = uri
    return files


def grouped(rows: Iterable[Row[Any]], column: str, kind: type[RowT]) -> dict[Any, list[RowT]]:
    """Return rows as dictionaries in lists by the value of ``column``, which they lose."""
    groups: dict[Any, list[RowT]] = defaultdict(list)
    for row in rows:
        groups[row._mapping[column]].append(as_row(row, kind, without=column))
    return groups


def as_row(row: Row[Any], kind: type[RowT], *, without: str | None = None) -> RowT:
    """Return what a statement gave as the dictionary that ``kind`` describes.

    Nothing but a test (tests/schemas/test_rows.py) can tell whether a statement's columns are those keys.
    """
    return cast("RowT", {name: value for name, value in row._mapping.items() if name != without})


def sources_of(connection: Connection, assets: Sequence[int]) -> dict[int, str]:
    """Return where each asset was seen last."""
    query = (
        select(Location.asset_id, Location.uri).where(Location.asset_id.in_(assets)).order_by(*when_seen())
    )
    return {row.asset_id: row.uri for row in connection.execute(query)}
