"""What travels: a small row in, a photo between the stages, a small row out.

* `InputRow`: one planned photo, a reference without pixels.
* `PhotoRow`: a photo on its way through the stages, with whatever pixels are still needed.
* `OutcomeRow`: what became of it, made of the catalog's own records; `to_outcome` gives the whole record.

How rows cross from one worker to another is in `actors.packing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from oldphoto_core.photo import (
    DefectDetection,
    Face,
    Flag,
    Mask,
    Outcome,
    PhotoHeader,
    Pixels,
    Probability,
    Tier,
)
from schemas.records import DerivativeRecord, EventRecord, FaceRecord, FlagRecord, MaskRecord, OutcomeRecord


class PlannedItem(Protocol):
    """The part of the catalog's pending item that a stage needs."""

    @property
    def work_item_id(self) -> int:
        """The catalog's number of this photo under this recipe."""
        ...

    @property
    def key(self) -> str:
        """The source key."""
        ...

    @property
    def uri(self) -> str:
        """The master's address."""
        ...

    @property
    def sha256(self) -> str:
        """The master's digest at ingest."""
        ...

    @property
    def size(self) -> int:
        """The master's size in bytes."""
        ...

    @property
    def width(self) -> int | None:
        """Its width in pixels, where its header told."""
        ...

    @property
    def height(self) -> int | None:
        """Its height in pixels, where its header told."""
        ...

    @property
    def prefix(self) -> str:
        """``""`` or a folder of the destination, with its slash."""
        ...

    @property
    def derivative_stem(self) -> str:
        """What the derivatives are called, without suffix."""
        ...


@dataclass(frozen=True)
class InputRow:
    """One planned photo; ``size`` in bytes and ``pixels``, 0 where they are not known.

    ``prefix`` is ``""`` or ends with ``/``; derivatives go to ``<prefix>restored/<stem><suffix>`` and so on.
    """

    work_item_id: int
    key: str
    uri: str
    sha256: str
    prefix: str
    stem: str
    size: int = 0
    pixels: int = 0

    @classmethod
    def from_pending(cls, item: PlannedItem) -> InputRow:
        """Make the row of a pending item of the catalog."""
        return cls(
            item.work_item_id,
            item.key,
            item.uri,
            item.sha256,
            item.prefix,
            item.derivative_stem,
            item.size,
            (item.width or 0) * (item.height or 0),
        )


@dataclass(frozen=True)
class OutcomeRow:
    """What became of one photo; small.

    ``reason`` is a sentence for an operator and ``error_class`` a short code; both are None where all went
    well. ``seconds`` is the time that the stages worked on it, without waiting.
    """

    work_item_id: int
    key: str
    sha256: str
    outcome: Outcome
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


def to_outcome(row: OutcomeRow) -> OutcomeRecord:
    """Return the catalog's record of ``row``."""
    return OutcomeRecord(
        work_item_id=row.work_item_id,
        outcome=row.outcome.value,
        reason=row.reason,
        error_class=row.error_class,
        tier=row.tier,
        seconds=row.seconds,
        derivatives=row.derivatives,
        mask=row.mask,
        faces=row.faces,
        flags=row.flags,
        measurements=row.measurements,
        events=row.events,
    )


def face_records(faces: Iterable[Face]) -> tuple[FaceRecord, ...]:
    """Return the catalog's records of faces that the core found."""
    return tuple(FaceRecord(face.box, face.landmarks, face.score, face.drift, face.applied) for face in faces)


def flag_records(flags: Iterable[Flag]) -> tuple[FlagRecord, ...]:
    """Return the catalog's records of flags that the core raised."""
    return tuple(
        FlagRecord(
            flag.code, flag.severity.value, flag.value, flag.threshold, flag.rule_version, flag.explanation
        )
        for flag in flags
    )


@dataclass(frozen=True)
class PhotoRow:
    """A photo between two stages.

    ``original`` and everything made of it are upright (the stored orientation is restored on writing);
    ``alpha`` is as stored. Fields go back to None as soon as no later stage needs them. Once ``result`` is
    set, the photo is settled and later stages leave it alone. ``by_parts`` marks a photo that is too large for
    memory: it travels without pixels, and the scan stage does all of its work.
    """

    input: InputRow
    header: PhotoHeader | None = None
    warnings: tuple[str, ...] = ()
    original: Pixels | None = None
    alpha: Pixels | None = None
    probability: Probability | None = None
    mask: Mask | None = None
    restored: Pixels | None = None
    conserved: Pixels | None = None
    enhanced: Pixels | None = None
    by_parts: bool = False
    needed: bool = True
    faces: tuple[Face, ...] = ()
    flags: tuple[Flag, ...] = ()
    measurements: Mapping[str, float] = field(default_factory=dict)
    events: tuple[EventRecord, ...] = ()
    seconds: float = 0.0
    result: OutcomeRow | None = None

    @property
    def upright(self) -> Pixels:
        """The original's upright pixels; only between the read and the enhance stage."""
        if self.original is None:
            raise ValueError(f"{self.input.key}: the read stage has not run, or its pixels were let go")
        return self.original

    @property
    def detection(self) -> DefectDetection:
        """The detector's findings; only after the detect stage."""
        if self.probability is None or self.mask is None:
            raise ValueError(f"{self.input.key}: the detect stage has not run")
        return DefectDetection(self.probability, self.mask)

    def without_pixels(self) -> PhotoRow:
        """Return the row with all pixels let go."""
        return replace(
            self,
            original=None,
            alpha=None,
            probability=None,
            mask=None,
            restored=None,
            conserved=None,
            enhanced=None,
        )

    def tier_pixels(self) -> dict[Tier, Pixels]:
        """Return the tiers that were made and are still held, lowest first."""
        held = {Tier.CONSERVED: self.conserved, Tier.RESTORED: self.restored, Tier.ENHANCED: self.enhanced}
        return {tier: pixels for tier, pixels in held.items() if pixels is not None}

    def settle(self, outcome: Outcome, *, events: tuple[EventRecord, ...] = (), **fields: Any) -> PhotoRow:
        """Return the row without pixels and with its result; ``fields`` are those of `OutcomeRow`."""
        row = self.input
        result = OutcomeRow(
            row.work_item_id,
            row.key,
            row.sha256,
            outcome,
            seconds=self.seconds,
            events=(*self.events, *events),
            **fields,
        )
        return replace(self.without_pixels(), result=result)
