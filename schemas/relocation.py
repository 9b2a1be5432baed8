"""Following results to where their files lie now, after their destination was moved or renamed.

A sidecar names its files by their places in the destination, wherever that lies. One with the recorded bytes is the
recorded one; so what the catalog knows of its files still holds, and only their addresses are others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from schemas.records import DerivativeKind, DerivativeRecord
from schemas.tables import Derivative, Mask, MaskEdit


@dataclass(frozen=True)
class _Move:
    """A recorded file that lies elsewhere now."""

    number: int
    item: int
    kind: str
    before: str
    after: str


def follow(connection: Connection, results: Mapping[int, Sequence[DerivativeRecord]]) -> int:
    """Record where the files of these work items lie now; return how many work items had other addresses.

    ``results``: for each work item the files that its sidecar names, and the sidecar, where they lie now.
    """
    recorded = _recorded(connection, list(results))
    moves = [move for item, files in results.items() for move in _moves(recorded[item], files)]
    _set_addresses(connection, Derivative, {move.number: move.after for move in moves})
    masks = {move.item: move for move in moves if move.kind == DerivativeKind.MASK}
    _follow_masks(connection, masks)
    _follow_drawn_masks(connection, masks)
    return len({move.item for move in moves})


def _recorded(connection: Connection, items: Sequence[int]) -> defaultdict[int, list[Any]]:
    rows: defaultdict[int, list[Any]] = defaultdict(list)
    query = select(Derivative.__table__).where(Derivative.work_item_id.in_(items)).order_by(Derivative.id)
    for row in connection.execute(query):
        rows[row.work_item_id].append(row)
    return rows


def _moves(rows: Sequence[Any], files: Iterable[DerivativeRecord]) -> list[_Move]:
    """Return which of a work item's files lie elsewhere; none where the sidecar is another than the recorded one."""
    # Files of an earlier attempt stay recorded. Of several rows for the same bytes the last is the result's.
    last = {_what(row): row for row in rows}
    present = {_what(file): file.uri for file in files}
    if not any(kind == DerivativeKind.SIDECAR and (kind, *rest) in last for kind, *rest in present):
        return []
    held = {row.uri for row in rows}
    return [
        _Move(row.id, row.work_item_id, row.kind, row.uri, present[what])
        for what, row in last.items()
        if what in present and present[what] not in held
    ]


def _what(file: Any) -> tuple[str, str | None, str]:
    return str(file.kind), file.tier, file.sha256


def _set_addresses(
    connection: Connection, table: type[Derivative | MaskEdit], addresses: Mapping[int, str]
) -> None:
    statement = update(table).where(table.id == bindparam("number")).values(uri=bindparam("address"))
    if addresses:
        rows = [{"number": number, "address": address} for number, address in addresses.items()]
        connection.execute(statement, rows)


def _follow_masks(connection: Connection, masks: Mapping[int, _Move]) -> None:
    statement = update(Mask).where(Mask.work_item_id == bindparam("item"), Mask.uri == bindparam("before"))
    if masks:
        rows = [{"item": item, "before": move.before, "after": move.after} for item, move in masks.items()]
        connection.execute(statement.values(uri=bindparam("after")), rows)


def _follow_drawn_masks(connection: Connection, masks: Mapping[int, _Move]) -> None:
    """Let masks that reviewers drew follow the one beside which they are saved; no sidecar names them."""
    query = select(MaskEdit.id, MaskEdit.work_item_id, MaskEdit.uri).where(MaskEdit.work_item_id.in_(masks))
    addresses = {}
    for row in connection.execute(query):
        move = masks[row.work_item_id]
        folder, _, name = row.uri.rpartition("/")
        if folder == move.before.rpartition("/")[0]:
            addresses[row.id] = f"{move.after.rpartition('/')[0]}/{name}"
    _set_addresses(connection, MaskEdit, addresses)
