"""An eventful history of an archive, all that a catalog tells of it, and the same in tables of an earlier time."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from schemas import session
from schemas.exports.tabular import views
from schemas.records import EventRecord, EventType, OutcomeRecord, PendingItem
from schemas.repository import Catalog
from schemas.review_records import Decision, QueueFilter, Standing
from schemas.tables import Base
from schemas.totals import STATS
from tests.schemas.archive import Archive, digest, done, failed, flag, full, photo, refused, unread

EVERYTHING = QueueFilter(decision=None, flagged_only=False)


def _verdict(item: PendingItem) -> OutcomeRecord:
    """What may come of a photo, by the first letter of its key."""
    if item.key.startswith("f"):
        return failed(item, flags=(flag("mask-share", 0.4),), measurements={"mask_share": 0.4})
    if item.key.startswith("s"):
        return OutcomeRecord(item.work_item_id, "skipped", reason="nothing to do", seconds=0.25)
    if item.key.startswith("q"):
        return OutcomeRecord(item.work_item_id, "quarantined", reason="no memory", error_class="memory")
    if item.key.startswith("n"):
        return done(item, flags=(flag("mask-share", float("nan")), flag("lettering", 2.0, "grave")))
    twice = (flag("mask-share", 0.3, "notice"), flag("mask-share", 0.9, "serious"))
    return replace(full(item), flags=twice) if item.key.startswith("t") else full(item)


def eventful(catalog: Catalog, *, reviewed: bool) -> None:
    """Runs over a growing archive with every kind of outcome, by two recipes; and what people did, if wanted."""
    archive = Archive(catalog)
    names = ("a.tif", "b.tif", "f.tif", "n ☃ 'x'.tif", "q.tif", "s.tif", "t.tif")
    records = [*map(photo, names), refused("x.txt"), unread("u.tif")]
    for _ in range(4):
        archive.run(records, _verdict)
    if reviewed:
        _review(catalog)
    archive.run([*records[1:], photo("a.tif", "scanned again"), photo("x.txt", "corrected")], _verdict)
    other = Archive(catalog, settings={"tier": "conserved"})
    other.run([photo("b.tif"), photo("t.tif"), photo("s.tif")], _verdict)
    # As after a kill: work in flight, and a run that never ended.
    run, _ = Archive(catalog, name="=Bücher").start([photo("c.tif"), photo("d.tif"), photo("e.tif")])
    items = next(catalog.iter_pending(run, 2))
    catalog.record_outcomes(run, [full(items[0])])
    catalog.record_run_event(run, EventRecord(EventType.INGESTION, detail={"missing": ["z.tif"]}))
    # A scan that vanished, and one that listed the source and planned nothing.
    catalog.start_run(None, archive.collection, None, {"dry_run": True})


def _review(catalog: Catalog) -> None:
    rows = {row.key: row for row in catalog.review_queue(EVERYTHING).rows}
    for key, decision in (
        ("a.tif", Decision.APPROVE),
        ("b.tif", Decision.REJECT),
        ("t.tif", Decision.APPROVE),
    ):
        row = rows[key]
        review = catalog.decide(row.item_id, decision, "why", "ada", row.output_sha256, None)
        if key == "t.tif":
            catalog.undo(review.review_id, "ben")
    row = rows["s.tif"]
    edit = catalog.add_mask_edit(row.item_id, digest("drawn"), "file:///out/masks/s.edit.png", "cleo")
    catalog.decide(row.item_id, Decision.REDO, "", "cleo", row.output_sha256, None, edit.mask_edit_id)
    catalog.draw_lot(EVERYTHING, aql=2.5, created_by="ada", seed=1)


def told(catalog: Catalog) -> dict[str, list[Any]]:
    """All that is told of a catalog: each view, totals, queue, lists, lots, reviews."""
    answers: dict[str, list[Any]] = {f"stats by {by}": list(catalog.stats(by)) for by in STATS}
    answers["queue"] = [asdict(row) for row in catalog.review_queue(EVERYTHING, limit=1000).rows]
    answers["counts"] = [asdict(one) for one in catalog.queue_counts(EVERYTHING)]
    answers["flagged"] = list(catalog.flagged(limit=1000))
    answers["lots"] = [asdict(lot) for lot in catalog.lots()]
    answers["dossiers"] = list(catalog.dossiers(limit=1000))
    with session.read(catalog.engine) as connection:
        for name, view in views().items():
            answers[f"view {name}"] = [dict(row._mapping) for row in connection.execute(sa.select(view))]
    return {name: sorted(rows, key=str) for name, rows in answers.items()}


def write_at(revision: str, url: str, catalog: Catalog) -> None:
    """Make tables of an earlier revision at ``url``; write what they can hold of a catalog, as programs did then."""
    session.upgrade(url, revision)
    target = session.create_engine(url)
    there = sa.inspect(target)
    held = {name: {column["name"] for column in there.get_columns(name)} for name in there.get_table_names()}
    with session.read(catalog.engine) as connection, session.write(target) as written:
        for table in Base.metadata.sorted_tables:
            columns = [column for column in table.columns if column.name in held.get(table.name, ())]
            rows = [dict(row._mapping) for row in connection.execute(sa.select(*columns))] if columns else []
            if revision < "0005":
                rows = _without_replaced(rows)
            if rows:
                plain = sa.table(table.name, *(sa.column(one.name, one.type) for one in columns))
                written.execute(sa.insert(plain), rows)
        if target.dialect.name == "postgresql":
            _count_on(written, held)
    target.dispose()


def _without_replaced(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of a queue or its counts as they were before a decision could be *replaced*."""
    merged: dict[Any, dict[str, Any]] = {}
    for row in rows:
        if row.get("decision") == Standing.REPLACED:
            row = {**row, "decision": Standing.UNDECIDED.value}
        if "value_sum" not in row:
            merged[len(merged)] = row
            continue
        place = tuple(row[name] for name in ("run_id", "code", "severity", "decision"))
        before = merged.setdefault(place, {**row, "photos": 0, "value_sum": 0.0})
        before["photos"] += row["photos"]
        before["value_sum"] += row["value_sum"]
        before["lowest"] = min(before["lowest"], row["lowest"])
        before["highest"] = max(before["highest"], row["highest"])
    return list(merged.values())


def _count_on(connection: Connection, tables: dict[str, set[str]]) -> None:
    """Let PostgreSQL number new rows after those that are there."""
    for name in (name for name, columns in tables.items() if "id" in columns):
        statement = f"SELECT setval(pg_get_serial_sequence('\"{name}\"', 'id'), max(id)) FROM \"{name}\""
        connection.execute(sa.text(statement))


def unlike(found: dict[str, list[Any]], wanted: dict[str, list[Any]]) -> dict[str, Any]:
    """Return what two catalogs tell otherwise, and nothing else: the whole would be pages."""
    return {
        name: [(one, other) for one, other in zip(found[name], wanted[name], strict=False) if one != other][
            :1
        ]
        or (len(found[name]), len(wanted[name]))
        for name in wanted
        if found[name] != wanted[name]
    }
