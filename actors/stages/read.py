"""Read a master, make sure that it is still the file that was planned, and decode it upright."""

from __future__ import annotations

from dataclasses import replace

from actors.job import RestoreJob
from actors.rows import InputRow, PhotoRow
from actors.sidecar import recall
from actors.storage import Store, open_store
from oldphoto_core.errors import FixityError
from oldphoto_core.fixity import sha256_bytes
from oldphoto_core.image_io import decode, to_upright
from schemas.records import EventRecord, EventType


class ReadStage:
    """Fetches, verifies and decodes one photo. Masters are only ever read.

    A photo whose derivatives and sidecar an interrupted run has written in full under this very recipe is not
    restored again: its outcome is taken from the sidecar, once every file has been verified.

    Args:
        job: the run's instructions.
        source, destination: the stores; opened from the job's addresses when not given.
    """

    def __init__(
        self, job: RestoreJob, *, source: Store | None = None, destination: Store | None = None
    ) -> None:
        self.job = job
        self.source = source or open_store(job.source)
        self.destination = destination or open_store(job.destination, create=True)

    def __call__(self, photo: PhotoRow) -> PhotoRow:
        """Return ``photo`` with ``original`` (upright), ``alpha`` (as stored), header and warnings.

        Raises:
            PhotoError: the file cannot be decoded or is too large.
            FixityError: the file has changed since it was ingested.
            StorageError: the store refuses.
        """
        earlier = recall(self.destination, photo.input, self.job)
        if earlier is not None:
            return replace(photo.without_pixels(), result=earlier)
        data = self._fetch(photo.input)
        decoded = decode(data, key=photo.input.key, limits=self.job.limits)
        verified = EventRecord(
            EventType.FIXITY_CHECK,
            detail={"algorithm": "sha256", "digest": photo.input.sha256},
            agent=self.job.software,
        )
        return replace(
            photo,
            header=decoded.header,
            warnings=tuple(dict.fromkeys((*decoded.header.warnings, *decoded.warnings))),
            original=to_upright(decoded.pixels, decoded.header.orientation),
            alpha=decoded.alpha,
            events=(*photo.events, verified),
        )

    def _fetch(self, row: InputRow) -> bytes:
        # One byte more than allowed tells a file that is too large from one that just fits.
        data = self.source.read(row.key, self.job.limits.max_bytes + 1)
        self.job.limits.require_file(row.key, len(data))
        found = sha256_bytes(data)
        if found != row.sha256:
            raise FixityError(row.uri, "sha256", row.sha256, found)
        return data
