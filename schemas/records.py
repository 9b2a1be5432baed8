"""Plain records that go into the catalog and come out of it; no table, no session, no query here.

Those of ingest are in :mod:`schemas.ingest_records`, the desk's in :mod:`schemas.review_records`.

Digests are 64 lower-case hexadecimal digits; sizes are bytes; widths and heights pixels as stored;
times timezone-aware. Mappings must be JSON-like (what JSON cannot hold is made harmless on writing:
see :mod:`schemas.types`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

LARGEST_NUMBER = 2**63 - 1
"""The largest number that both databases take, as an id, a limit or a cursor."""


class WorkState(StrEnum):
    """Where one photo stands under one recipe."""

    PENDING = "pending"
    RUNNING = "running"
    """Handed to the engine; back to pending when a later run finds it left behind."""
    DONE = "done"
    SKIPPED = "skipped"
    QUARANTINED = "quarantined"
    FAILED = "failed"


FINISHED_STATES = (WorkState.DONE, WorkState.SKIPPED, WorkState.QUARANTINED)
"""States that no later run touches again for the same bytes and recipe, unless it is told to.

An exception are quarantined photos whose cause is gone (:mod:`schemas.taking_over`).
"""

WITH_OUTPUT = (WorkState.DONE.value, WorkState.SKIPPED.value)
"""States of photos that have a result, be it that they needed nothing."""

DONE_AGAIN = "redone"
"""The code of the flag of results that a reviewer asked for; see :mod:`schemas.present`."""

OUTCOME_STATES = (*FINISHED_STATES, WorkState.FAILED)
"""States that an outcome may record."""

COUNTS = ("inputs", "already_done", "done", "skipped", "quarantined", "failed", "pending")
"""How the photos of a run are counted; :mod:`schemas.runs` defines each word."""

TROUBLES = (WorkState.QUARANTINED, WorkState.FAILED)
"""States of photos without a result; few, and with an index of their own (:class:`schemas.tables.WorkItem`)."""

DESTINATION_ERROR = "DestinationError"
"""Error class of photos that the destination refused, as it would have any other."""

OUTSIDE_ERRORS = ("StorageError", DESTINATION_ERROR, "machine", "cuda")
"""Error classes of failures whose cause lies outside the photo: a full disk, a lost bucket, a GPU in trouble.

They use up no attempt, and a later run tries again however often it has been tried.
"""

FIXITY_ERROR = "fixity"
"""Error class of photos whose bytes were not the recorded ones."""


class RunState(StrEnum):
    """How a run stands or ended."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    """The run itself stopped on an error and said so."""
    CRASHED = "crashed"
    """Never ended; a later run of the same collection and recipe took over its work."""
    DRY_RUN = "dry-run"
    """Planned only."""


class FlagState(StrEnum):
    """Whether somebody still has to look at a flag."""

    OPEN = "open"
    CLOSED = "closed"


class DerivativeKind(StrEnum):
    """What a file that we made is."""

    RESTORED = "restored"
    """The highest tier made: the one under ``restored/``."""
    TIER = "tier"
    """A lower tier, kept on request."""
    MASK = "mask"
    PROBABILITY = "probability"
    SIDECAR = "sidecar"


class EventType(StrEnum):
    """The terms that we use of PREMIS's vocabulary (id.loc.gov/vocabulary/preservation/eventType)."""

    INGESTION = "ingestion"
    MESSAGE_DIGEST_CALCULATION = "message digest calculation"
    VALIDATION = "validation"
    FIXITY_CHECK = "fixity check"
    MODIFICATION = "modification"
    CREATION = "creation"
    QUARANTINE = "quarantine"
    UNQUARANTINE = "unquarantine"
    APPRAISAL = "appraisal"
    """A person decided whether a derivative is accepted."""
    RECOVERY = "recovery"


class EventOutcome(StrEnum):
    """Terms of the PREMIS event-outcome vocabulary."""

    SUCCESS = "success"
    WARNING = "warning"
    FAIL = "fail"


HOT_MEASUREMENTS = (
    "megapixels",
    "mask_share",
    "mask_components",
    "uncertain_share",
    "mean_change",
    "colour_drift",
    "faces_found",
    "faces_enhanced",
    "faces_refused",
    "face_drift_max",
)
"""Measurements with a typed column each (hyphens count as underscores); all others go into ``extra``."""


@dataclass(frozen=True)
class EventRecord:
    """One PREMIS event: what was done, when, by which agent (``"oldphoto 0.1.0"``), and how it ended."""

    type: EventType
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    outcome: EventOutcome = EventOutcome.SUCCESS
    detail: Mapping[str, Any] = field(default_factory=dict)
    agent: str = "oldphoto"


@dataclass(frozen=True)
class ModelRecord:
    """Trained weights that a recipe uses."""

    name: str
    version: str
    weights_sha256: str
    licence: str


@dataclass(frozen=True)
class Plan:
    """What a run has before it: ``inputs`` = ``already_done`` + ``pending`` + those settled at planning.

    Settled at planning are photos that ingest could not read (quarantined or failed at once) and photos that
    failed as often as they may. See :func:`schemas.runs.run_counts` for the exact definitions.
    """

    inputs: int
    already_done: int
    pending: int


@dataclass(frozen=True)
class PendingItem:
    """One photo to be processed. Derivatives go to ``<prefix>restored/<derivative_stem>.png`` and so on."""

    work_item_id: int
    asset_id: int
    key: str
    uri: str
    sha256: str
    size: int
    width: int | None
    height: int | None
    prefix: str
    derivative_stem: str


@dataclass(frozen=True)
class DerivativeRecord:
    """A file that we made."""

    kind: str
    tier: str | None
    uri: str
    sha256: str
    size: int
    media_type: str


@dataclass(frozen=True)
class MaskRecord:
    """The defect mask: ``coverage`` in [0, 1], how many ``components`` it has, and its file."""

    coverage: float
    components: int
    uri: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class FaceRecord:
    """A face: ``box`` (x, y, width, height) and five (x, y) ``landmarks``, in pixels of the stored photo."""

    box: tuple[float, float, float, float]
    landmarks: tuple[tuple[float, float], ...]
    score: float
    drift: float | None = None
    applied: bool = False


@dataclass(frozen=True)
class FlagRecord:
    """One reason to look at a result; ``severity`` is notice, warning or serious."""

    code: str
    severity: str
    value: float
    threshold: float
    rule_version: int
    explanation: str


@dataclass(frozen=True)
class OutcomeRecord:
    """What became of one work item: ``outcome`` is done, skipped, quarantined or failed.

    With no ``events`` given the catalog writes the one that the outcome implies. Raises ValueError.
    """

    work_item_id: int
    outcome: str
    reason: str | None = None
    error_class: str | None = None
    tier: str | None = None
    seconds: float = 0.0
    derivatives: tuple[DerivativeRecord, ...] = ()
    mask: MaskRecord | None = None
    faces: tuple[FaceRecord, ...] = ()
    flags: tuple[FlagRecord, ...] = ()
    measurements: Mapping[str, float] = field(default_factory=dict)
    events: tuple[EventRecord, ...] = ()

    def __post_init__(self) -> None:
        if self.outcome not in OUTCOME_STATES:
            raise ValueError(f"not an outcome: {self.outcome!r} (one of {', '.join(OUTCOME_STATES)})")
