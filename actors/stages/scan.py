"""All of the work on a photo that is too large for memory, in one place: pixels go from disk to disk.

The other stages hand whole pictures on; this one reads, restores and writes by parts. What it writes, and the
row that comes out, are those that the other stages would have made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, BinaryIO, cast

from actors.job import RestoreJob
from actors.restorer import PhotoRestorer, tier_to_make, tiers_to_write
from actors.rows import InputRow, PhotoRow
from actors.stages.write import File, WriteStage
from oldphoto_core.fixity import sha256_stream, verify
from oldphoto_core.image_io import (
    AsStored,
    DecodedScan,
    decode_scan,
    derivative_suffix,
    write_derivative,
    write_mask,
    write_probability,
)
from oldphoto_core.raster import OnDisk
from schemas.records import DerivativeKind, EventRecord, EventType
from storage import Store, open_store

if TYPE_CHECKING:
    from oldphoto_core.scan import ScanRestoration


class ScanStage:
    """Restores the photos that the read stage marked ``by_parts``; every other one passes untouched.

    Args:
        job: the run's instructions.
        restorer: shared by the network stages of one worker.
        source, destination: the stores; opened from the job's addresses when not given.
    """

    def __init__(
        self,
        job: RestoreJob,
        restorer: PhotoRestorer,
        *,
        source: Store | None = None,
        destination: Store | None = None,
    ) -> None:
        self.job, self.restorer = job, restorer
        self.kept = tiers_to_write(job, tier_to_make(job.tier, restorer))
        self.source = source or open_store(job.source)
        self.writer = WriteStage(job, destination=destination)

    def __call__(self, photo: PhotoRow) -> PhotoRow:
        """Return ``photo`` settled as done or skipped, all of its files written.

        Raises:
            PhotoError: the file cannot be decoded.
            FixityError: the file has changed since it was ingested, or while it was read.
            StorageError: a store refuses, or the disk for temporary files is full.
        """
        if not photo.by_parts:
            return photo
        with self.source.located(photo.input.key) as path, OnDisk() as workspace:
            verified = self._verified(photo.input, path)
            scan = decode_scan(
                path,
                key=photo.input.key,
                workspace=workspace,
                memory=self.job.photo_memory,
                limits=self.job.limits,
            )
            # It was read once more after it was hashed, and may have been replaced between.
            self._verified(photo.input, path)
            found = self.restorer.restore_scan(scan.pixels, workspace, self.kept)
            done = replace(
                photo,
                header=scan.header,
                warnings=tuple(dict.fromkeys((*scan.header.warnings, *scan.warnings))),
                needed=found.needed,
                faces=found.faces,
                flags=(*photo.flags, *found.flags),
                measurements={**photo.measurements, **found.measurements},
                events=(*photo.events, verified),
            )
            return self.writer.settled(done, scan.header, self._files(photo.input, scan, found))

    def _verified(self, row: InputRow, path: Path) -> EventRecord:
        with path.open("rb") as stream:
            found, _ = sha256_stream(stream)
        verify(row.uri, "sha256", row.sha256, found)
        return EventRecord(
            EventType.FIXITY_CHECK, detail={"algorithm": "sha256", "digest": found}, agent=self.job.software
        )

    def _files(self, row: InputRow, scan: DecodedScan, found: ScanRestoration) -> Iterator[File]:
        """Write the files one at a time into nameless temporary ones, in the order of the write stage."""
        turn = scan.header.orientation
        suffix, media_type = derivative_suffix(scan.pixels.dtype)
        for place, (tier, pixels) in enumerate(reversed(found.tiers.items())):
            write = partial(
                write_derivative,
                pixels=AsStored(pixels, turn),
                header=scan.header,
                alpha=scan.alpha,
                software=self.job.software,
                recipe_id=self.job.recipe_id,
            )
            with self._made(write) as made:
                yield File.of_tier(row, tier, made, suffix, media_type, highest=place == 0)
        with self._made(partial(write_mask, mask=AsStored(found.mask, turn))) as made:
            yield File.of_finding(row, DerivativeKind.MASK, made)
        stored = AsStored(found.probability, turn)
        with self._made(partial(write_probability, probability=stored)) as made:
            yield File.of_finding(row, DerivativeKind.PROBABILITY, made)

    @staticmethod
    @contextmanager
    def _made(write: Callable[[BinaryIO], None]) -> Iterator[BinaryIO]:
        with TemporaryFile() as file:
            write(cast(BinaryIO, file))
            yield cast(BinaryIO, file)
