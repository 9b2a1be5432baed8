"""Plain records of the desk: accounts, decisions, queue pages, lots. No table, no session, no query here.

"Item" is a work item: one photo's bytes under one recipe. Its *output* is its ``restored`` file; for a photo
that needed nothing it is the master itself, so ``output_sha256`` is then the master's digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """What an account may do; each may do what those before it may. The desk enforces it."""

    VIEWER = "viewer"
    REVIEWER = "reviewer"
    CURATOR = "curator"
    ADMIN = "admin"


class Decision(StrEnum):
    """What a review says."""

    APPROVE = "approve"
    REJECT = "reject"
    REDO = "redo"
    """Do it again, with the edited mask if the review names one."""
    UNDO = "undo"
    """The review that it names does not count any more."""


class Standing(StrEnum):
    """How an item stands: undecided, or its current decision.

    *Replaced* is one that nobody decided on before another result of its photo became the present one.
    """

    UNDECIDED = "undecided"
    REPLACED = "replaced"
    APPROVE = "approve"
    REJECT = "reject"
    REDO = "redo"


class QueueOrder(StrEnum):
    """How a queue is sorted."""

    SEVERITY = "severity"
    """Gravest first, newest first among equals."""
    VALUE = "value"
    """Highest value of the filter's flag first."""


SEVERITY_RANKS = {"notice": 1, "warning": 2, "serious": 3}
"""Severities from light to grave; 0 is an item without flags."""
SEVERITY_NAMES = {rank: name for name, rank in SEVERITY_RANKS.items()}
"""The word for each rank but 0."""


@dataclass(frozen=True)
class AccountRecord:
    """Somebody who may sign in. ``password_hash`` is as the desk encoded it; None: no password sign-in."""

    name: str
    role: Role
    password_hash: str | None
    disabled: bool
    created_at: datetime


@dataclass(frozen=True)
class ReviewRecord:
    """One review as recorded. ``undoes``: the review that an *undo* takes back."""

    review_id: int
    item_id: int
    decision: Decision
    reason: str
    reviewer: str
    at: datetime
    output_sha256: str
    mask_edit_id: int | None = None
    undoes: int | None = None


@dataclass(frozen=True)
class MaskEditRecord:
    """A mask that a curator edited, stored at ``uri`` (PNG, 0 or 255, the photo's size)."""

    mask_edit_id: int
    item_id: int
    sha256: str
    uri: str
    reviewer: str
    at: datetime


@dataclass(frozen=True)
class DecisionRequest:
    """One item of a batch: what the reviewer saw. ``seen_review``: the item's last review then, or None."""

    item_id: int
    output_sha256: str
    seen_review: int | None = None


@dataclass(frozen=True)
class DecisionResult:
    """What became of one item of a batch: its review, or why there is none."""

    item_id: int
    review: ReviewRecord | None = None
    problem: str | None = None

    @property
    def decided(self) -> bool:
        """Whether a review was recorded."""
        return self.review is not None


@dataclass(frozen=True)
class QueueFilter:
    """What a queue shows: each condition narrows it, None does not.

    ``flag``: with this flag; without it every item that has an output, flagged or not. ``severity``: notice,
    warning or serious, of the flag or else the item's gravest; ``flagged_only`` leaves out items without
    flags. ``minimum`` and ``maximum`` bound the flag's value (with ``flag`` only). ``text``: part of the key,
    without regard to case. ``decision`` None: decided or not.
    """

    flag: str | None = None
    severity: str | None = None
    collection: str | None = None
    decision: Standing | None = Standing.UNDECIDED
    text: str | None = None
    run: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    flagged_only: bool = True
    order: QueueOrder = QueueOrder.SEVERITY


@dataclass(frozen=True)
class QueueFlag:
    """A flag of a queue row; ``value`` None: it was no number; ``state`` is open or closed."""

    code: str
    severity: str
    value: float | None
    threshold: float | None
    rule_version: int
    explanation: str
    state: str


@dataclass(frozen=True)
class QueueRow:
    """One item of a queue, with all that a list needs to show. URIs are None where there is no such file.

    ``source`` is the master's URI, ``sha256`` the master's digest, ``restored`` the output's URI (None for a
    photo that needed nothing). ``last_review`` is what ``decide`` wants as ``seen_review``. ``value`` is that
    of the filter's flag.
    """

    item_id: int
    asset_id: int
    collection: str
    key: str
    sha256: str
    output_sha256: str
    outcome: str
    severity: str | None
    value: float | None
    flags: tuple[QueueFlag, ...]
    restored: str | None
    mask: str | None
    probability: str | None
    source: str | None
    tier: str | None
    recipe: str
    run: int
    finished_at: datetime | None
    decision: Standing
    last_review: int | None


@dataclass(frozen=True)
class QueuePage:
    """A page of a queue. ``next``: give it as ``after`` for the next page; None: this was the last.

    A search for ``text`` looks at a bounded number of items per page, so such a page may be short, even
    empty, and still have a next one.
    """

    rows: tuple[QueueRow, ...]
    next: str | None


@dataclass(frozen=True)
class QueueCount:
    """How many items a flag marks, by severity and decision; ``flag`` is None for the items themselves."""

    flag: str | None
    severity: str | None
    decision: Standing
    photos: int


@dataclass(frozen=True)
class RedoRecord:
    """Work that a reviewer wants done again; ``mask`` is the edited mask to use, if there is one."""

    review_id: int
    item_id: int
    asset_id: int
    key: str
    source: str | None
    sha256: str
    recipe: str
    reason: str
    reviewer: str
    mask: MaskEditRecord | None


class Verdict(StrEnum):
    """How a lot stands."""

    OPEN = "open"
    """Not enough of the sample is decided yet."""
    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True)
class LotRecord:
    """A lot drawn for acceptance sampling, and its verdict as of now.

    ``nonconforming`` counts the sample's rejected and redo items, ``undecided`` those nobody decided on.
    ``replaced`` are the sample's items whose photos have another present result by now: the verdict is of those
    that were drawn, decided or not.
    """

    lot_id: int
    filter: Mapping[str, Any]
    lot_size: int
    inspection_level: str
    aql: float
    code_letter: str
    sample_size: int
    accept_number: int
    reject_number: int
    seed: int
    created_by: str
    created_at: datetime
    verdict: Verdict = Verdict.OPEN
    conforming: int = 0
    nonconforming: int = 0
    undecided: int = 0
    replaced: tuple[int, ...] = ()
