"""Ingest: look at every file of the source, once, and tell the catalog what is there.

A file that the catalog knows with the same size and modification mark is not read again. Every other file is
read once, hashed, and its header parsed; it becomes a record whether it can be restored or not: what cannot
be read as a photograph, or does not match the manifest, is recorded with its error and ends as a quarantined
outcome. What an earlier run has finished stays finished: where the manifest contradicts it now, that is remarked,
as is everything that the source lacks or that cannot be taken in (`flows.remarks`).

This module decides what to look at and how much at a time. What a header is belongs to
`oldphoto_core.image_io`, what is kept of it to `schemas`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from flows.manifest import Manifest
from flows.memory_budget import MemoryBudget
from flows.remarks import NAMED, Remark, RemarkKind, Remarks
from flows.source_listing import SourceListing
from oldphoto_core.errors import FixityError, PhotoError, StorageError
from oldphoto_core.fixity import sha256_bytes, sha256_stream
from oldphoto_core.image_io import DecodeLimits, read_header
from schemas.errors import UnstorableKeyError
from schemas.ingest_records import AssetRecord, IngestCounts, KnownAsset
from schemas.records import (
    FIXITY_ERROR,
    EventOutcome,
    EventRecord,
    EventType,
)
from schemas.repository import Catalog
from storage import Store, StoredObject


@dataclass(frozen=True)
class IngestSettings:
    """How much ingest does at a time.

    ``batch`` files are looked up and recorded together, ``threads`` of them are read at once, and what is
    being read never exceeds ``bytes_in_memory`` (a larger file is read alone). Of a file with more than
    ``read_at_once`` bytes only what its header needs is held.
    """

    batch: int = 256
    threads: int = 8
    bytes_in_memory: int = 1 << 30
    read_at_once: int = 32 << 20
    limits: DecodeLimits = field(default_factory=DecodeLimits)


@dataclass
class IngestResult:
    """What ingest met.

    ``unchanged`` files were known and not read again, ``mismatches`` are not what the manifest says.
    """

    counts: IngestCounts = field(default_factory=IngestCounts)
    unchanged: int = 0
    mismatches: int = 0
    remarks: Remarks = field(default_factory=Remarks)


@dataclass(frozen=True)
class _Content:
    """What was read of a file: its SHA-256 and size, and where its header is (``b""``: the file is too large)."""

    digest: str
    size: int
    data: bytes | Path


class Ingest:
    """Reads a source store into a catalog.

    Args:
        source: the masters; only ever read.
        manifest: expected digests, or None.
        agent: software name and version for the events.
        settings: batch sizes and limits.
    """

    def __init__(
        self, source: Store, *, manifest: Manifest | None, agent: str, settings: IngestSettings | None = None
    ) -> None:
        self.source = source
        self.manifest = manifest
        self.agent = agent
        self.settings = settings or IngestSettings()
        self._budget = MemoryBudget(self.settings.bytes_in_memory)

    def run(
        self,
        catalog: Catalog,
        collection_id: int,
        run_id: int,
        *,
        leave_out: Callable[[str], bool] = lambda key: False,
        limit: int | None = None,
        on_progress: Callable[[int], None] = lambda seen: None,
    ) -> IngestResult:
        """Record what the source lists as inputs of the run.

        Args:
            catalog: where to.
            collection_id: the collection's id.
            run_id: the run's id.
            leave_out: says of a key that it is no master (a derivative, the manifest itself).
            limit: take the first so many files by key; no other is looked at.
            on_progress: called after every batch with the number of files recorded.

        Raises:
            StorageError: the source cannot be listed. A single file that cannot be read is recorded as such.
        """
        result = IngestResult()
        lookup = partial(catalog.known, collection_id)
        for records in self.look(lookup, result, leave_out=leave_out, limit=limit):
            result.counts += catalog.record_assets(collection_id, records, run_id)
            on_progress(result.counts.seen)
        remarks = result.remarks
        if result.mismatches:
            remarks.extend(
                RemarkKind.CONTRADICTED, *catalog.refused_though_finished(run_id, FIXITY_ERROR, NAMED)
            )
        if remarks.named:
            catalog.record_run_event(run_id, self._event_of(remarks))
        return result

    def look(
        self,
        lookup: Callable[[Sequence[str]], Mapping[str, KnownAsset]],
        result: IngestResult,
        *,
        leave_out: Callable[[str], bool] = lambda key: False,
        limit: int | None = None,
    ) -> Iterator[list[AssetRecord | KnownAsset]]:
        """Yield batches of what the source lists, each file looked at once; record nothing.

        Args:
            lookup: returns what is known of a list of keys.
            result: gains what was unchanged, and what there is to remark.
            leave_out, limit: see `run`.
        """
        listing = SourceListing(self.source, self.manifest, leave_out, result.remarks)
        masters, inputs, size = listing.masters(), 0, self.settings.batch
        with ThreadPoolExecutor(self.settings.threads, thread_name_prefix="ingest") as pool:
            while batch := list(islice(masters, size if limit is None else min(size, limit - inputs))):
                known = lookup([found.key for found in batch])
                looked = pool.map(self._look, batch, [known.get(found.key) for found in batch])
                records = self._storable(looked, result)
                inputs += len(records)
                yield records
        # Of what lies beyond a limit nothing is known.
        if limit is None or inputs < limit:
            listing.conclude(inputs)

    @staticmethod
    def _storable(
        looked: Iterable[AssetRecord | KnownAsset | Remark], result: IngestResult
    ) -> list[AssetRecord | KnownAsset]:
        records: list[AssetRecord | KnownAsset] = []
        for record in looked:
            if isinstance(record, Remark):
                result.remarks.add(record.kind, record.path, record.reason)
                continue
            records.append(record)
            if isinstance(record, KnownAsset):
                result.unchanged += 1
            else:
                result.mismatches += record.error_class == FIXITY_ERROR
        return records

    def _look(self, found: StoredObject, known: KnownAsset | None) -> AssetRecord | KnownAsset | Remark:
        """Return what the catalog should record of one file; a remark if its name cannot be recorded."""
        uri, mark = self.source.uri_of(found.key), modification_mark(found)
        expected = self.manifest.expected(found.key) if self.manifest is not None else None
        if known is not None and known.matches(uri, found.size, mark) and expected in (None, known.sha256):
            return known
        try:
            return self._examine(found, uri, mark, expected)
        except UnstorableKeyError as error:
            reason = f"It cannot be recorded: {error.problem}. Rename it in the source."
            return Remark(RemarkKind.LEFT_OUT, found.key, reason)

    def _examine(self, found: StoredObject, uri: str, mark: str, expected: str | None) -> AssetRecord:
        """Read, hash and verify one file, and parse its header."""
        digest, size = None, found.size
        try:
            with self._content(found) as content:
                # Not the size that was listed: the file may have been copied on meanwhile.
                digest, size = content.digest, content.size
                if expected is not None and digest != expected:
                    raise FixityError(uri, "sha256", expected, digest)
                self.settings.limits.require_file(found.key, max(size, found.size))
                header = read_header(content.data, key=found.key)
                # As decoding would; a forged size may also be more than a catalog's column holds.
                self.settings.limits.require_header(found.key, header)
        except (PhotoError, FixityError, StorageError) as error:
            reason, code = _explain(error)
            return AssetRecord(found.key, uri, size, mark, digest, error=reason, error_class=code)
        except OSError as error:
            # A disk that fails while a large file is read; what was read of it says nothing.
            reason = f"{uri} cannot be read: {error.strerror}. Check the disk or the share and run again."
            return AssetRecord(
                found.key, uri, found.size, mark, None, error=reason, error_class="StorageError"
            )
        return AssetRecord(
            found.key,
            uri,
            size,
            mark,
            digest,
            format=header.format,
            width=header.width,
            height=header.height,
            bit_depth=header.bit_depth,
            metadata=header.summary(),
            warnings=(*header.warnings, *self._manifest_warnings(expected)),
            events=self._events(digest, expected),
        )

    @contextmanager
    def _content(self, found: StoredObject) -> Iterator[_Content]:
        """Read a file: whole, or a large one in pieces; of one too large for a photo there is no header."""
        with self._budget.holding(found.size) as hold:
            if found.size > self.settings.limits.max_bytes:
                with self.source.open(found.key) as stream:
                    content = _Content(*sha256_stream(stream), b"")
                yield content
            elif (data := self._small(found)) is not None:
                yield _Content(sha256_bytes(data), len(data), data)
            else:
                with self.source.located(found.key) as path:
                    with path.open("rb") as stream:
                        content = _Content(*sha256_stream(stream), path)
                    if content.size > found.size:
                        hold(content.size)
                    yield content

    def _small(self, found: StoredObject) -> bytes | None:
        """Return a file's bytes; None where there are too many, also where that is so only since it was listed."""
        most = self.settings.read_at_once
        data = self.source.read(found.key, most + 1) if found.size <= most else None
        return data if data is None or len(data) <= most else None

    def _manifest_warnings(self, expected: str | None) -> tuple[str, ...]:
        if self.manifest is None or expected is not None:
            return ()
        return (f"not named in the manifest {self.manifest.name}",)

    def _events(self, digest: str, expected: str | None) -> tuple[EventRecord, ...]:
        if self.manifest is None or expected is None:
            return ()
        detail = {"algorithm": "sha256", "digest": digest, "manifest": self.manifest.name}
        return (EventRecord(EventType.FIXITY_CHECK, detail=detail, agent=self.agent),)

    def _event_of(self, remarks: Remarks) -> EventRecord:
        counts = {str(kind): number for kind, number in remarks.counts.items()}
        detail = {"source": self.source.uri, "counts": counts, "remarks": remarks.as_json()}
        outcome = EventOutcome.WARNING if remarks.incomplete else EventOutcome.SUCCESS
        return EventRecord(EventType.INGESTION, outcome=outcome, detail=detail, agent=self.agent)


def modification_mark(found: StoredObject) -> str:
    """Return what changes when the file does: the store's ETag where it has one, else the time."""
    return found.etag or found.modified.isoformat()


def _explain(error: PhotoError | FixityError | StorageError) -> tuple[str, str]:
    """Return the reason for an operator and the error's short code."""
    if isinstance(error, PhotoError):
        return f"{error.problem}. {error.remedy}", error.code
    return str(error), FIXITY_ERROR if isinstance(error, FixityError) else type(error).__name__
