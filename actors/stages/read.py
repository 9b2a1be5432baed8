"""Read a master, make sure that it is still the file that was planned, and decode it upright."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from actors.job import RestoreJob
from actors.rows import InputRow, PhotoRow
from actors.sidecar import longest_key, recall
from oldphoto_core.errors import PhotoError, UnsupportedPhotoError
from oldphoto_core.fixity import sha256_bytes, sha256_stream, verify
from oldphoto_core.image_io import decode, read_header, to_upright
from oldphoto_core.memory import in_memory_bytes
from oldphoto_core.photo import PhotoHeader
from schemas.records import EventRecord, EventType
from storage import Store, at_destination, open_store

_READ_AT_ONCE = 32 << 20
"""Of a larger file the header is read first: it may be too large for memory."""


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

        A photo that is too large for the job's memory comes back ``by_parts``, with its header only.

        Raises:
            PhotoError: the file cannot be decoded or is too large, or its name is too long for its results.
            FixityError: the file has changed since it was ingested.
            StorageError: the store refuses.
        """
        self._require_names(photo.input)
        with at_destination():
            earlier = recall(self.destination, photo.input, self.job)
        if earlier is not None:
            return replace(photo.without_pixels(), result=earlier)
        key = photo.input.key
        data = self.source.read(key, _READ_AT_ONCE + 1)
        if len(data) <= _READ_AT_ONCE:
            header = read_header(data := self._verified(photo.input, data), key=key)
            if self._is_too_large(header, len(data)):
                return replace(photo, header=header, by_parts=True)
        else:
            del data
            with self.source.located(key) as path:
                header = self._header(photo.input, path)
                if self._is_too_large(header, path.stat().st_size):
                    return replace(photo, header=header, by_parts=True)
                data = self._verified(photo.input, path.read_bytes())
        decoded = decode(data, key=key, limits=self.job.limits, header=header)
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

    def _require_names(self, row: InputRow) -> None:
        # Asked before the work, not after it.
        problem = self.destination.problem_with(longest_key(row))
        if problem is not None:
            raise UnsupportedPhotoError(
                row.key, f"Its results cannot be named: {problem}", "Shorten its name in the source"
            )

    def _is_too_large(self, header: PhotoHeader, size: int) -> bool:
        return in_memory_bytes(header, size) > self.job.photo_memory

    def _header(self, row: InputRow, path: Path) -> PhotoHeader:
        """Return the header of a large file. What cannot be read may be another file than the one planned."""
        try:
            self.job.limits.require_file(row.key, path.stat().st_size)
            return read_header(path, key=row.key)
        except PhotoError:
            with path.open("rb") as stream:
                found, _ = sha256_stream(stream)
            verify(row.uri, "sha256", row.sha256, found)
            raise

    def _verified(self, row: InputRow, data: bytes) -> bytes:
        verify(row.uri, "sha256", row.sha256, sha256_bytes(data))
        return data
