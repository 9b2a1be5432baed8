"""Write a photo's derivatives, create-only, and settle it.

The order is the promise: pictures, mask, probability, and the sidecar last. Nothing is ever overwritten;
where a name is taken by other content, the file goes beside it under a name with its own digest, and the
photo is flagged if that file is a picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from actors.job import RestoreJob
from actors.rows import InputRow, OutcomeRow, PhotoRow, face_records, flag_records
from actors.sidecar import MEDIA_TYPE, encode_sidecar, sidecar_key
from oldphoto_core.errors import AlreadyExistsError
from oldphoto_core.fixity import sha256_of
from oldphoto_core.image_io import (
    encode_derivative,
    encode_mask,
    encode_probability,
    from_upright,
)
from oldphoto_core.photo import Flag, Outcome, PhotoHeader, Severity, Tier
from schemas.records import DerivativeKind, DerivativeRecord, EventRecord, EventType, MaskRecord
from storage import Created, Store, at_destination, open_store
from storage.file_names import ending_in

NOTHING_TO_DO = "No damage was found, and restoring would have changed next to nothing."


@dataclass
class _Written:
    """The files of one photo that have been written so far."""

    files: list[DerivativeRecord] = field(default_factory=list)
    paths: dict[str, str] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class File:
    """A file to be written at ``stem + suffix`` in the destination; ``data`` is its bytes or a temporary file."""

    kind: DerivativeKind
    stem: str
    data: bytes | BinaryIO
    suffix: str
    media_type: str
    tier: Tier | None = None

    @classmethod
    def of_tier(
        cls, row: InputRow, tier: Tier, data: bytes | BinaryIO, suffix: str, media_type: str, *, highest: bool
    ) -> File:
        """Return the picture of one tier; the highest is the restored photo."""
        folder, kind = f"tiers/{tier.value}", DerivativeKind.TIER
        if highest:
            folder, kind = "restored", DerivativeKind.RESTORED
        return cls(kind, f"{row.prefix}{folder}/{row.stem}", data, suffix, media_type, tier)

    @classmethod
    def of_finding(cls, row: InputRow, kind: DerivativeKind, data: bytes | BinaryIO) -> File:
        """Return the mask or the probability, a PNG."""
        folder = "masks" if kind is DerivativeKind.MASK else "probability"
        return cls(kind, f"{row.prefix}{folder}/{row.stem}", data, ".png", "image/png")


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
            DestinationError: the destination refuses; what was written so far stays and will be met again.
        """
        if photo.header is None:
            raise ValueError(f"{photo.input.key}: the read stage has not run")
        return self.settled(photo, photo.header, self._files(photo, photo.header))

    def settled(self, photo: PhotoRow, header: PhotoHeader, files: Iterable[File]) -> PhotoRow:
        """Write ``files`` in their order and the sidecar last; return ``photo`` with its result.

        ``photo`` has its measurements, faces and flags; its pixels, if it has any, are let go.
        """
        written = _Written()
        for file in files:
            self._write(file, written)
        result = self._result(photo, header, written)
        result = self._write_sidecar(photo, header, result, written)
        return replace(photo.without_pixels(), result=result)

    def _files(self, photo: PhotoRow, header: PhotoHeader) -> Iterator[File]:
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
            yield File.of_tier(
                row, tier, content.data, content.suffix, content.media_type, highest=place == 0
            )
        mask = encode_mask(from_upright(photo.detection.mask, turn))
        yield File.of_finding(row, DerivativeKind.MASK, mask)
        probability = encode_probability(from_upright(photo.detection.probability, turn))
        yield File.of_finding(row, DerivativeKind.PROBABILITY, probability)

    def _write(self, file: File, written: _Written) -> None:
        data, suffix, media_type = file.data, file.suffix, file.media_type
        path = file.stem + suffix
        try:
            created = self._created(path, data, media_type)
        except AlreadyExistsError:
            written.conflicts.append(path)
            folder, slash, name = file.stem.rpartition("/")
            path = folder + slash + ending_in(name, f".{sha256_of(data)[0][:8]}{suffix}")
            created = self._created(path, data, media_type)
        written.paths[created.uri] = path
        tier = file.tier.value if file.tier else None
        written.files.append(
            DerivativeRecord(file.kind, tier, created.uri, created.sha256, created.size, media_type)
        )

    def _created(self, path: str, data: bytes | BinaryIO, media_type: str) -> Created:
        with at_destination():
            return self.destination.create(path, data, media_type)

    def _result(self, photo: PhotoRow, header: PhotoHeader, written: _Written) -> OutcomeRow:
        row = photo.input
        restored = next((one for one in written.files if one.kind == DerivativeKind.RESTORED), None)
        mask = next(one for one in written.files if one.kind == DerivativeKind.MASK)
        measured = {"megapixels": header.width * header.height / 1e6, **photo.measurements}
        coverage, components = measured["mask_share"], int(measured["mask_components"])
        return OutcomeRow(
            row.work_item_id,
            row.key,
            row.sha256,
            Outcome.DONE if restored else Outcome.SKIPPED,
            reason=None if restored else NOTHING_TO_DO,
            tier=restored.tier if restored else None,
            seconds=photo.seconds,
            derivatives=tuple(written.files),
            mask=MaskRecord(coverage, components, mask.uri, mask.sha256),
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
        # Its own conflict is no flag: where the pictures are those that lay there already, nobody need look.
        self._write(File(DerivativeKind.SIDECAR, stem, data, ".json", MEDIA_TYPE), written)
        # PREMIS: changing a picture is a modification, whatever file it goes to; a mask alone is a creation.
        kind = EventType.MODIFICATION if result.outcome is Outcome.DONE else EventType.CREATION
        event = EventRecord(kind, detail={"files": list(written.paths.values())}, agent=self.job.software)
        return replace(result, derivatives=tuple(written.files), events=(*result.events, event))

    def _flags(self, photo: PhotoRow, written: _Written) -> tuple[Flag, ...]:
        flags = list(photo.flags)
        if photo.warnings:
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
