"""Read masters and derivatives again and compare them with the catalog.

Files are streamed through the storage layer, so folders and buckets are read alike and memory does not grow
with a file's size. Nothing is repaired and nothing is written but the events that say what was found.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypedDict

from flows.progress import Progress, listener
from oldphoto_core.errors import StorageError, UsageError
from oldphoto_core.fixity import sha256_stream
from schemas.fixity import MASTER, FixityFile, FixityPhoto, FixityProblem, FixityResult, Problem
from schemas.repository import Catalog
from storage import Anywhere

PAGE = 100
"""Photos are checked, and recorded, so many at a time."""

REMEDIES: dict[Problem, str] = {
    "missing": 'Put it back from a backup; or see "When folders move" in docs/operating.md, if all were moved',
    "changed": "Compare it with a backup before anything else is done with it",
    "unreadable": "See to the disk, the permissions or the connection, and run again",
}


class FixitySummary(TypedDict):
    """What was found. ``problems`` names at most the first thousand files; the events name all."""

    photos: int
    files: int
    bytes: int
    missing: int
    changed: int
    unreadable: int
    seconds: float
    problems: list[FixityProblem]


@dataclass
class FixityReport:
    """Counts what was found, photo by photo."""

    kept: int = 1000
    photos: int = 0
    files: int = 0
    read: int = 0
    problems: list[FixityProblem] = field(default_factory=list)
    found: dict[Problem, int] = field(default_factory=lambda: dict.fromkeys(REMEDIES, 0))

    def add(self, result: FixityResult, read: int) -> None:
        """Take in one photo's result and the bytes that were read for it."""
        self.photos += 1
        self.files += result.checked
        self.read += read
        for problem in result.problems:
            self.found[problem["problem"]] += 1
            if len(self.problems) < self.kept:
                self.problems.append(problem)

    def summary(self, seconds: float) -> FixitySummary:
        """Return the numbers."""
        return FixitySummary(
            photos=self.photos,
            files=self.files,
            bytes=self.read,
            missing=self.found["missing"],
            changed=self.found["changed"],
            unreadable=self.found["unreadable"],
            seconds=seconds,
            problems=self.problems,
        )


def check_files(
    catalog: Catalog,
    collection: str | None,
    sample: float,
    seed: int | None,
    masters_only: bool,
    threads: int,
) -> FixitySummary:
    """Check the files page by page and record what was found of each photo.

    Args:
        catalog: an open catalog.
        collection: only this collection.
        sample: share of the photos to look at, in (0, 1], drawn at random.
        seed: decides which photos are drawn; None for others each time.
        masters_only: leave the derivatives out.
        threads: how many files are read at once.

    Raises:
        UsageError: a sample outside (0, 1], or no thread.
        CatalogError: the catalog cannot be used.
    """
    if not 0 < sample <= 1:
        raise UsageError(f"A sample of {sample:g} of the photos makes no sense. Give a share such as 0.05.")
    if threads < 1:
        raise UsageError(f"With {threads} threads nothing is read. Give 1 or more.")
    began, report, files = time.monotonic(), FixityReport(), Anywhere()
    total = catalog.photo_count(collection)
    drawn = random.Random(seed)
    with ThreadPoolExecutor(threads, thread_name_prefix="fixity") as pool:
        seen = 0
        for page in _pages(catalog, collection):
            chosen = [photo for photo in page if drawn.random() < sample]
            results = [_check(photo, files, pool, masters_only) for photo in chosen]
            catalog.record_fixity([result for result, _ in results if result.checked])
            for result, read in results:
                report.add(result, read)
            seen += len(page)
            listener().progress(Progress("verify", seen, total, page[-1].key))
    return report.summary(time.monotonic() - began)


def _pages(catalog: Catalog, collection: str | None) -> Iterator[list[FixityPhoto]]:
    after = 0
    while page := catalog.fixity_photos(collection=collection, after=after, limit=PAGE):
        yield page
        after = page[-1].asset_id


def _check(
    photo: FixityPhoto, files: Anywhere, pool: ThreadPoolExecutor, masters_only: bool
) -> tuple[FixityResult, int]:
    wanted = [file for file in photo.files if file.role == MASTER or not masters_only]
    looked = list(pool.map(lambda file: _look(photo, file, files), wanted))
    problems = tuple(problem for problem, _ in looked if problem is not None)
    return FixityResult(photo.asset_id, len(wanted), problems), sum(read for _, read in looked)


def _look(photo: FixityPhoto, file: FixityFile, files: Anywhere) -> tuple[FixityProblem | None, int]:
    """Read one file; return what is wrong with it, if anything, and how many bytes it has."""
    try:
        if not files.exists(file.uri):
            return _problem(photo, file, "missing"), 0
        with files.open(file.uri) as stream:
            found, size = sha256_stream(stream)
    except StorageError as error:
        return {**_problem(photo, file, "unreadable"), "error": str(error)}, 0
    if found != file.sha256:
        return {**_problem(photo, file, "changed"), "found": found}, size
    return None, size


def _problem(photo: FixityPhoto, file: FixityFile, kind: Problem) -> FixityProblem:
    return {
        "problem": kind,
        "collection": photo.collection,
        "key": photo.key,
        "role": file.role,
        "uri": file.uri,
        "expected": file.sha256,
        "remedy": REMEDIES[kind],
    }
