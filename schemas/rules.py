"""Flag rules of a catalog: applied to stored measurements, so that a threshold can change without restoring.

A rule that was set here goes before the one that the program came with: for its code the catalog raises the
flags itself, from the measurements, for photos to come and (:func:`reflag`) for those that it has. Photos that
needed nothing are not flagged by any rule.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    case,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
)

from schemas import audit, queue_upkeep, session
from schemas.audit import AuditEntry
from schemas.errors import CatalogUseError
from schemas.listing import require_collection
from schemas.present import replaced
from schemas.records import HOT_MEASUREMENTS, FlagRecord, FlagState, OutcomeRecord, WorkState
from schemas.review_records import SEVERITY_RANKS, Standing
from schemas.statements import MAX_PARAMETERS, now, upsert
from schemas.tables import Asset, Flag, FlagRule, Measurement, QueueEntry, WorkItem

CHUNK = MAX_PARAMETERS
"""How many work items one transaction of :func:`reflag` looks at."""


@dataclass(frozen=True)
class FlagRuleRecord:
    """Raise ``code`` on a restored photo whose ``measurement`` is at or above ``threshold``."""

    code: str
    measurement: str
    threshold: float
    severity: str
    explanation: str
    version: int = 1

    def __post_init__(self) -> None:
        if not math.isfinite(self.threshold):
            raise CatalogUseError(f"the threshold of {self.code} is {self.threshold}; give a finite number")


@dataclass(frozen=True)
class FlagCount:
    """How many photos a rule marks, or would mark with this threshold."""

    flag: str
    measurement: str
    threshold: float
    photos: int


def in_force(connection: Connection) -> list[FlagRuleRecord]:
    """Return the rules that were set in this catalog, by code."""
    return [_record(row) for row in connection.execute(select(FlagRule.__table__).order_by(FlagRule.code))]


def put(connection: Connection, rules: Sequence[FlagRuleRecord], actor: str) -> None:
    """Set rules, for photos to come. Raises CatalogUseError for those that make no sense."""
    _require_each_once(rules)
    moment = now()
    rows = [_row(rule, actor, moment) for rule in rules]
    if not rows:
        return
    statement = upsert(connection, FlagRule)
    values = {name: statement.excluded[name] for name in rows[0] if name != "code"}
    connection.execute(statement.on_conflict_do_update(index_elements=["code"], set_=values), rows)
    told = [
        AuditEntry(
            actor,
            "flag rule set",
            rule.code,
            {"measurement": rule.measurement, "threshold": rule.threshold, "version": rule.version},
        )
        for rule in rules
    ]
    audit.append(connection, told, moment)


def withdraw(connection: Connection, actor: str) -> None:
    """Let all rules of this catalog go: photos to come have the flags that the program which restores them raises."""
    codes = sorted(connection.scalars(delete(FlagRule).returning(FlagRule.code)))
    audit.append(connection, [AuditEntry(actor, "flag rule withdrawn", code, {}) for code in codes], now())


def applied(connection: Connection, outcomes: Sequence[OutcomeRecord]) -> list[tuple[FlagRecord, ...]]:
    """Return the flags of each outcome with the rules in force applied to its measurements."""
    rules = in_force(connection)
    return [_flags(outcome, rules) for outcome in outcomes] if rules else [one.flags for one in outcomes]


def reflag(
    engine: Engine,
    rules: Sequence[FlagRuleRecord],
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[FlagCount]:
    """Raise and take back these rules' flags on all photos that were restored; return how many each marks.

    Counted are present results, as by `calibrate`; earlier ones that somebody decided on keep their flags too.
    A transaction for each range of work items, so that nobody waits long. Photos that are decided keep their
    decision: flags raised on them are closed. An interrupted call can simply be repeated.

    Args:
        engine: the catalog.
        rules: what to apply; flags of other codes are left alone.
        on_progress: told the last work item looked at and the last there is.

    Raises:
        CatalogUseError: two rules are of one code.
    """
    _require_each_once(rules)
    with session.read(engine) as connection:
        last = connection.scalar(select(func.max(Measurement.work_item_id))) or 0
    for first in range(0, last + 1, CHUNK):
        with session.write(engine) as connection:
            _reflag_range(connection, rules, first, first + CHUNK)
        on_progress(min(first + CHUNK, last), last)
    with session.write(engine) as connection:
        # What earlier versions counted as lowest and highest values may be of flags that are no more.
        queue_upkeep.recount(connection)
        return calibrate(connection, rules)[1]


def calibrate(
    connection: Connection,
    rules: Sequence[FlagRuleRecord],
    *,
    collection: str | None = None,
    run_id: int | None = None,
) -> tuple[int, list[FlagCount]]:
    """Return how many restored photos there are, and how many of them each rule would flag; change nothing.

    Of a photo with several results the present one counts; within a run, the run's.
    Give one rule for each threshold to try. Reads the measurements once. Raises CatalogUseError.
    """
    marks = [
        func.sum(case((_column(rule.measurement) >= rule.threshold, 1), else_=0)).label(f"rule_{number}")
        for number, rule in enumerate(rules)
    ]
    query = (
        select(func.count().label("photos"), *marks)
        .select_from(Measurement)
        .join(WorkItem, WorkItem.id == Measurement.work_item_id)
        .where(WorkItem.state == WorkState.DONE.value)
    )
    query = query.where(WorkItem.run_id == run_id if run_id is not None else ~replaced(WorkItem))
    if collection is not None:
        within = require_collection(connection, collection)
        query = query.join(Asset, Asset.id == WorkItem.asset_id).where(Asset.collection_id == within)
    row = connection.execute(query).one()
    return row.photos, [
        FlagCount(rule.code, rule.measurement, rule.threshold, int(getattr(row, f"rule_{number}") or 0))
        for number, rule in enumerate(rules)
    ]


def _require_each_once(rules: Sequence[FlagRuleRecord]) -> None:
    """Raise CatalogUseError where two rules would each raise a flag of one code on the same photo."""
    twice = sorted(code for code, times in Counter(rule.code for rule in rules).items() if times > 1)
    if twice:
        raise CatalogUseError(f"there are several rules for {', '.join(twice)}; give one for each flag")


def _reflag_range(connection: Connection, rules: Sequence[FlagRuleRecord], first: int, end: int) -> None:
    ended = (WorkItem.id >= first, WorkItem.id < end, WorkItem.state == WorkState.DONE.value)
    # What ends from here on is flagged by the rules already, by whoever records it.
    items = list(
        connection.scalars(
            select(WorkItem.id).where(*ended).order_by(WorkItem.id).with_for_update(key_share=True)
        )
    )
    within = WorkItem.id.in_(items)
    old = (Flag.code.in_([rule.code for rule in rules]), Flag.work_item_id.in_(items))
    touched = set(connection.scalars(select(Flag.work_item_id).where(*old)))
    connection.execute(delete(Flag).where(*old))
    moment = now()
    for rule in rules:
        connection.execute(insert(Flag).from_select(_COLUMNS, _raised(rule, within, moment)))
    touched |= set(connection.scalars(select(Flag.work_item_id).where(*old)))
    if touched:
        queue_upkeep.refresh(connection, sorted(touched))


_COLUMNS = [
    "work_item_id",
    "code",
    "severity",
    "value",
    "threshold",
    "rule_version",
    "explanation",
    "state",
    "created_at",
]


def _raised(rule: FlagRuleRecord, within: ColumnElement[bool], moment: datetime) -> Any:
    value = _column(rule.measurement)
    nobodys = (Standing.UNDECIDED.value, Standing.REPLACED.value)
    undecided = or_(QueueEntry.decision.is_(None), QueueEntry.decision.in_(nobodys))
    return (
        select(
            WorkItem.id,
            literal(rule.code),
            literal(rule.severity),
            value,
            literal(rule.threshold),
            literal(rule.version),
            literal(rule.explanation),
            case((undecided, FlagState.OPEN.value), else_=FlagState.CLOSED.value),
            literal(moment, Flag.created_at.type),
        )
        .join(Measurement, Measurement.work_item_id == WorkItem.id)
        .outerjoin(
            QueueEntry, (QueueEntry.work_item_id == WorkItem.id) & (QueueEntry.code == queue_upkeep.ITEM)
        )
        .where(within, value >= rule.threshold)
        .order_by(WorkItem.id)
    )


def _column(measurement: str) -> Any:
    """Return the column of a measurement: typed for the hot ones, else out of the JSON."""
    name = measurement.replace("-", "_")
    if name in HOT_MEASUREMENTS:
        return getattr(Measurement, name)
    return Measurement.extra[measurement].as_float()


def _flags(outcome: OutcomeRecord, rules: Sequence[FlagRuleRecord]) -> tuple[FlagRecord, ...]:
    ours = {rule.code for rule in rules}
    kept = tuple(flag for flag in outcome.flags if flag.code not in ours)
    if outcome.outcome != WorkState.DONE:
        return kept
    measured = {name.replace("-", "_"): value for name, value in outcome.measurements.items()}
    raised = tuple(
        FlagRecord(rule.code, rule.severity, value, rule.threshold, rule.version, rule.explanation)
        for rule in rules
        if (value := measured.get(rule.measurement.replace("-", "_"))) is not None and value >= rule.threshold
    )
    return kept + raised


def _row(rule: FlagRuleRecord, actor: str, moment: datetime) -> dict[str, Any]:
    if rule.severity not in SEVERITY_RANKS:
        raise CatalogUseError(f"not a severity: {rule.severity!r} (one of {', '.join(SEVERITY_RANKS)})")
    return {
        "code": rule.code,
        "measurement": rule.measurement,
        "threshold": rule.threshold,
        "severity": rule.severity,
        "explanation": rule.explanation,
        "version": rule.version,
        "set_by": actor,
        "set_at": moment,
    }


def _record(row: Row[Any]) -> FlagRuleRecord:
    return FlagRuleRecord(
        row.code, row.measurement, row.threshold, row.severity, row.explanation, row.version
    )
