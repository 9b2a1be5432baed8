"""Small pieces that several statements share: upserts on both dialects, events and agents, chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from schemas.records import EventRecord
from schemas.tables import Agent, Base, Event

Item = TypeVar("Item")
MAX_PARAMETERS = 10_000
"""How many ids one statement may name; SQLite takes 32,766 parameters in all, PostgreSQL 65,535."""

Upsert = postgresql.Insert | sqlite.Insert


def now() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)


def software_agent() -> str:
    """Return this program's name and version, as events name it."""
    try:
        return f"oldphoto {version('oldphoto')}"
    except PackageNotFoundError:
        return "oldphoto"


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield lists of up to ``size`` items. Raises ValueError unless ``size`` is positive."""
    if size < 1:
        raise ValueError(f"a batch holds at least one item, not {size}")
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def upsert(connection: Connection, table: type[Base]) -> Upsert:
    """Return an INSERT that can be given ``on_conflict_…`` on the connection's database."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def agent_ids(connection: Connection, names: Iterable[str], kind: str = "software") -> dict[str, int]:
    """Return the agents' ids, making those that are new (``kind``: PREMIS's software, person, organization).

    To be called before other rows are written: writers that wait for each other's new agents while they hold
    other new rows would lock each other out.
    """
    wanted = sorted(set(names))
    query = select(Agent.name, Agent.id).where(Agent.name.in_(wanted))
    found = {row.name: row.id for row in connection.execute(query)}
    missing = [name for name in wanted if name not in found]
    if missing:
        rows = [{"name": name, "type": kind} for name in missing]
        connection.execute(upsert(connection, Agent).on_conflict_do_nothing(), rows)
        found = {row.name: row.id for row in connection.execute(query)}
    return found


def person_id(connection: Connection, name: str) -> int:
    """Return the id of a person as agent; see :func:`agent_ids` for when to call it."""
    return agent_ids(connection, [name], "person")[name]


def event_row(event: EventRecord, agents: dict[str, int], **links: int | None) -> dict[str, Any]:
    """Return the row of an event; ``links`` are the ids of what it concerned."""
    row: dict[str, Any] = {
        "type": str(event.type),
        "at": event.at,
        "outcome": str(event.outcome),
        "detail": dict(event.detail),
        "agent_id": agents[event.agent],
    }
    for name in ("asset_id", "content_id", "work_item_id", "run_id"):
        row[name] = links.get(name)
    return row


def insert_rows(connection: Connection, table: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, if there are any."""
    if rows:
        connection.execute(insert(table), list(rows))


def insert_events(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Insert events made by :func:`event_row`."""
    insert_rows(connection, Event, rows)
