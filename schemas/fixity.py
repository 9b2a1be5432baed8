"""What fixity is checked against: the recorded digest of each photo's master and of every file made from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, TypedDict

from sqlalchemy import Connection, select

from schemas.dossier_parts import located
from schemas.listing import require_collection, within_unsorted
from schemas.records import EventOutcome, EventRecord, EventType
from schemas.statements import agent_ids, event_row, insert_events, software_agent
from schemas.tables import Asset, Collection, Derivative, MaskEdit, WorkItem

MASTER = "master"
DRAWN_MASK = "drawn mask"


@dataclass(frozen=True)
class FixityFile:
    """A file with its recorded digest. ``role`` is *master*, the kind of derivative, or *drawn mask*."""

    role: str
    uri: str
    sha256: str


@dataclass(frozen=True)
class FixityPhoto:
    """A photo with all files that the catalog answers for."""

    asset_id: int
    collection: str
    key: str
    files: tuple[FixityFile, ...]


Problem = Literal["missing", "changed", "unreadable"]


class FixityProblem(TypedDict):
    """What is wrong with a file. ``found``: the digest that it has; ``error``: why it cannot be read."""

    problem: Problem
    collection: str
    key: str
    role: str
    uri: str
    expected: str
    found: NotRequired[str]
    error: NotRequired[str]
    remedy: str


@dataclass(frozen=True)
class FixityResult:
    """What became of a photo's check: how many files were read, and what is wrong with which."""

    asset_id: int
    checked: int
    problems: tuple[FixityProblem, ...] = ()


def page(connection: Connection, *, collection: str | None, after: int, limit: int) -> list[FixityPhoto]:
    """Return the next photos by asset id with their files. Raises CatalogUseError."""
    query = (
        select(Asset.id, Asset.key, Collection.name)
        .join(Collection, Collection.id == Asset.collection_id)
        .where(Asset.id > after)
        .order_by(Asset.id)
        .limit(limit)
    )
    if collection is not None:
        query = query.where(within_unsorted(require_collection(connection, collection)))
    rows = connection.execute(query).all()
    files = _files(connection, [row.id for row in rows])
    return [FixityPhoto(row.id, row.name, row.key, tuple(files[row.id])) for row in rows]


def _files(connection: Connection, assets: Sequence[int]) -> dict[int, list[FixityFile]]:
    files: dict[int, list[FixityFile]] = {asset: [] for asset in assets}
    for asset, places in located(connection, assets).items():
        # Only where it was seen last; what lies elsewhere may have been moved away since.
        last = places[0]
        if (digest := last["sha256"]) is not None:
            files[asset].append(FixityFile(MASTER, last["uri"], digest))
    made = (
        select(WorkItem.asset_id, Derivative.kind, Derivative.uri, Derivative.sha256)
        .join(Derivative, Derivative.work_item_id == WorkItem.id)
        .where(WorkItem.asset_id.in_(assets))
        .order_by(Derivative.id)
    )
    for row in connection.execute(made):
        files[row.asset_id].append(FixityFile(row.kind, row.uri, row.sha256))
    drawn = (
        select(WorkItem.asset_id, MaskEdit.uri, MaskEdit.sha256)
        .join(MaskEdit, MaskEdit.work_item_id == WorkItem.id)
        .where(WorkItem.asset_id.in_(assets))
        .order_by(MaskEdit.id)
    )
    for edit in connection.execute(drawn):
        files[edit.asset_id].append(FixityFile(DRAWN_MASK, edit.uri, edit.sha256))
    return files


def record(connection: Connection, results: Sequence[FixityResult]) -> None:
    """Write one *fixity check* event for each photo that was checked."""
    agent = software_agent()
    agents = agent_ids(connection, [agent])
    rows = []
    for result in results:
        detail: dict[str, Any] = {"algorithm": "SHA-256", "files": result.checked}
        if result.problems:
            detail["problems"] = list(result.problems)
        outcome = EventOutcome.FAIL if result.problems else EventOutcome.SUCCESS
        event = EventRecord(EventType.FIXITY_CHECK, outcome=outcome, detail=detail, agent=agent)
        rows.append(event_row(event, agents, asset_id=result.asset_id))
    insert_events(connection, rows)
