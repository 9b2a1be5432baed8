"""Write a photo's derivatives, create-only, and settle it.

The order is the promise: pictures, mask, probability, and the sidecar last. Nothing is ever overwritten;
where a name is taken by other content, the file goes beside it under a name with its own digest, and the
photo is flagged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from actors.job import RestoreJob
from actors.rows import OutcomeRow, PhotoRow, face_records, flag_records
from actors.sidecar import MEDIA_TYPE, encode_sidecar, sidecar_key
from actors.storage import Store, open_store
from oldphoto_core.errors import AlreadyExistsError
from oldphoto_core.fixity import sha256_bytes
from oldphoto_core.image_io import (
    EncodedFile,
    encode_derivative,
    encode_mask,
    encode_probability,
    from_upright,
)
from oldphoto_core.photo import Flag, Outcome, PhotoHeader, Severity, Tier
from schemas.records import DerivativeKind, DerivativeRecord, EventRecord, EventType, FlagRecord, MaskRecord

NOTHING_TO_DO = "No damage was found, and restoring would have changed next to nothing."


@dataclass
class _Written:
    """The files of one photo that have been written so far."""

    files: list[DerivativeRecord] = field(default_factory=list)
    paths: dict[str, str] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _File:
    """A file to be written at ``stem + suffix`` in the destination."""

    kind: DerivativeKind
    stem: str
    content: EncodedFile
    tier: Tier | None = None


class WriteStage:
    """Encodes and writes one photo's derivatives.

    Args:
        job: the run's instructions.
        destination: the store; opened from the job's address when not given.
    """

    def __init__(self, job: RestoreJob, *, destination: Store | None = None) -> None:
        self.job = job
        self.destination = destination or open_store(job.destination, create=True)

    def __call__(self, photo: PhotoRow) -> PhotoRow:
        """Return ``photo`` settled as done or skipped, all of its files written.

        Raises:
            StorageError: the destination refuses; what was written so far stays and will be met again.
        """
        if photo.header is None:
            raise ValueError(f"{photo.input.key}: the read stage has not run")
        written = _Written()
        for file in self._files(photo, photo.header):
            self._write(file, written)
        result = self._result(photo, written)
        result = self._write_sidecar(photo, photo.header, result, written)
        return replace(photo.without_pixels(), result=result)

    def _files(self, photo: PhotoRow, header: PhotoHeader) -> Iterator[_File]:
        """Encode the files one at a time, in the order in which they are to be written."""
        row, turn = photo.input, header.orientation
        tiers = photo.tier_pixels() if photo.needed else {}
        for place, (tier, pixels) in enumerate(reversed(tiers.items())):
            content = encode_derivative(
                from_upright(pixels, turn),
                header,
                alpha=photo.alpha,
                software=self.job.software,
                recipe_id=self.job.recipe_id,
            )
            folder, kind = f"tiers/{tier.value}", DerivativeKind.TIER
            if place == 0:
                folder, kind = "restored", DerivativeKind.RESTORED
            yield _File(kind, f"{row.prefix}{folder}/{row.stem}", content, tier)
        mask = encode_mask(from_upright(photo.detection.mask, turn))
        yield _File(DerivativeKind.MASK, f"{row.prefix}masks/{row.stem}", _png(mask))
        probability = encode_probability(from_upright(photo.detection.probability, turn))
        yield _File(DerivativeKind.PROBABILITY, f"{row.prefix}probability/{row.stem}", _png(probability))

    def _write(self, file: _File, written: _Written) -> None:
        data, suffix, media_type = file.content.data, file.content.suffix, file.content.media_type
        path = file.stem + suffix
        try:
            created = self.destination.create(path, data, media_type)
        except AlreadyExistsError:
            written.conflicts.append(path)
            path = f"{file.stem}.{sha256_bytes(data)[:8]}{suffix}"
            created = self.destination.create(path, data, media_type)
        written.paths[created.uri] = path
        tier = file.tier.value if file.tier else None
        written.files.append(
            DerivativeRecord(file.kind, tier, created.uri, created.sha256, created.size, media_type)
        )

    def _result(self, photo: PhotoRow, written: _Written) -> OutcomeRow:
        detection, row = photo.detection, photo.input
        restored = next((one for one in written.files if one.kind == DerivativeKind.RESTORED), None)
        mask = next(one for one in written.files if one.kind == DerivativeKind.MASK)
        height, width = detection.mask.shape
        measured = {
            "megapixels": height * width / 1e6,
            **photo.measurements,
        }
        return OutcomeRow(
            row.work_item_id,
            row.key,
            row.sha256,
            Outcome.DONE if restored else Outcome.SKIPPED,
            reason=None if restored else NOTHING_TO_DO,
            tier=restored.tier if restored else None,
            seconds=photo.seconds,
            derivatives=tuple(written.files),
            mask=MaskRecord(detection.coverage, int(measured["mask_components"]), mask.uri, mask.sha256),
            faces=face_records(photo.faces),
            flags=flag_records(self._flags(photo, written)),
            measurements={name: float(value) for name, value in measured.items() if math.isfinite(value)},
            events=photo.events,
        )

    def _write_sidecar(
        self, photo: PhotoRow, header: PhotoHeader, result: OutcomeRow, written: _Written
    ) -> OutcomeRow:
        data = encode_sidecar(photo.input, result, written.paths, self.job, header, photo.warnings)
        stem = sidecar_key(photo.input).removesuffix(".json")
        met = len(written.conflicts)
        self._write(_File(DerivativeKind.SIDECAR, stem, EncodedFile(data, ".json", MEDIA_TYPE)), written)
        flags: tuple[FlagRecord, ...] = result.flags
        if len(written.conflicts) > met:
            flags = flag_records(self._flags(photo, written))
        event = EventRecord(
            EventType.CREATION, detail={"files": list(written.paths.values())}, agent=self.job.software
        )
        return replace(result, derivatives=tuple(written.files), flags=flags, events=(*result.events, event))

    def _flags(self, photo: PhotoRow, written: _Written) -> tuple[Flag, ...]:
        flags = list(photo.flags)
        if photo.warnings and not any(flag.code == "decode-warnings" for flag in flags):
            flags.append(decode_warnings(photo.warnings))
        if written.conflicts:
            flags.append(name_conflict(written.conflicts))
        return tuple(flags)


def name_conflict(paths: Sequence[str]) -> Flag:
    """Return the flag for files whose names were taken by other content."""
    return Flag(
        "name-conflict",
        Severity.WARNING,
        float(len(paths)),
        0.0,
        1,
        f"Other files lay already at {', '.join(paths)}; they were left, and the new ones have their "
        "digest in their name.",
    )


def decode_warnings(warnings: Sequence[str]) -> Flag:
    """Return the flag for what the decoder remarked."""
    text = "; ".join(warnings)
    return Flag(
        "decode-warnings", Severity.NOTICE, float(len(warnings)), 0.0, 1, f"The file is unusual: {text}."
    )


def _png(data: bytes) -> EncodedFile:
    return EncodedFile(data, ".png", "image/png")
