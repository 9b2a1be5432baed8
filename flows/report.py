"""The static report: one HTML file without any outside request, derived from the catalog.

What it contains is collected in `flows.report_data`; this module renders it and puts it into the destination.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape

from flows.remarks import Remarks
from flows.summary import OUTCOMES, RunSummary
from oldphoto_core.errors import StorageError
from storage import FolderStore, Store
from storage.new_files import partial_name

TEMPLATES = Path(__file__).with_name("templates")
_NAME, _FOLDER = "report.html", "reports"
_LOOKED_AT = 4096
_MARK = b'<meta name="generator" content="oldphoto">'
_EARLIER_MARK = b"This page is derived from the catalog and may be replaced by the next run"
WORDS = {
    "done": "restored",
    "skipped": "needed nothing",
    "quarantined": "quarantined",
    "failed": "failed",
    "pending": "still pending",
}


@dataclass(frozen=True)
class View:
    """One picture of a card; ``image`` is a data URI, ``link`` leads from the destination to the file itself."""

    caption: str
    alt: str
    image: str
    width: int
    height: int
    link: str | None = None


@dataclass(frozen=True)
class FlagLine:
    """One flag of one photo, its numbers already written for people."""

    key: str
    code: str
    severity: str
    value: str
    threshold: str
    explanation: str


@dataclass(frozen=True)
class Card:
    """One photo with pictures; ``damage`` says how much of it was taken for damage."""

    key: str
    outcome: str
    width: int | None
    height: int | None
    damage: str | None
    tier: str | None
    views: tuple[View, ...]
    flags: tuple[FlagLine, ...]
    no_picture: str | None = None


@dataclass(frozen=True)
class Trouble:
    """One file that was not restored, and why."""

    key: str
    outcome: str
    error_class: str | None
    reason: str


@dataclass(frozen=True)
class ModelLine:
    """The weights that one stage ran with."""

    stage: str
    name: str
    version: str
    sha256: str
    licence: str


@dataclass(frozen=True)
class Page:
    """Everything that the report shows."""

    collection: str
    source: str
    destination: str
    run: int
    created: datetime
    summary: RunSummary
    recipe: str
    recipe_json: str
    models: tuple[ModelLine, ...]
    stages_off: tuple[tuple[str, str], ...] = ()
    photos: tuple[Card, ...] = ()
    flagged: tuple[FlagLine, ...] = ()
    flagged_cut: bool = False
    troubled: tuple[Trouble, ...] = ()
    troubled_cut: bool = False
    remarks: Remarks = field(default_factory=Remarks)
    linked: bool = False


@dataclass(frozen=True)
class Sample:
    """One photo for Prefect's pages: caption → data URI."""

    key: str
    pictures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """A written report, and a sample from it."""

    uri: str
    sample: Sample | None


def write_report(page: Page, destination: Store) -> Report:
    """Render ``page`` and put it into the destination.

    In a folder ``report.html`` is replaced, whole or not at all; unless it is somebody else's. Then, and in a bucket,
    each run has a new one below ``reports/``.

    Raises:
        StorageError: the destination refuses.
    """
    if isinstance(destination, FolderStore) and _is_free(path := destination.root / _NAME):
        uri = _replace(path, render(page).encode("utf-8"))
    else:
        key = f"{_FOLDER}/{page.created:%Y%m%dT%H%M%SZ}-run-{page.run}.html"
        data = render(page, up="../").encode("utf-8")
        uri = destination.create(key, data, "text/html; charset=utf-8").uri
    return Report(uri, sample_of(page))


def existing_report(destination: Store) -> Report | None:
    """Return the report that an earlier run left in a folder; None when there is none to be found."""
    if not isinstance(destination, FolderStore):
        return None
    others = sorted((destination.root / _FOLDER).glob("*-run-*.html"), reverse=True)
    found = next(filter(_is_ours, (destination.root / _NAME, *others)), None)
    return Report(str(found), None) if found is not None else None


def _is_free(path: Path) -> bool:
    """Return whether a report may be put there. A folder may not, but no other place would tell of it."""
    is_folder = path.is_dir() and not path.is_symlink()
    return not os.path.lexists(path) or is_folder or _is_ours(path)


def _is_ours(path: Path) -> bool:
    """Return whether a file is a report: one of this version by its head, of earlier ones by how they end."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(_LOOKED_AT)
            file.seek(max(0, path.stat().st_size - _LOOKED_AT))
            return _MARK in head or _EARLIER_MARK in file.read(_LOOKED_AT)
    except OSError:
        return False


def render(page: Page, *, up: str = "") -> str:
    """Return the page as HTML; everything that comes from files is escaped.

    Args:
        page: what it shows.
        up: the way from the page to the destination, that links begin with.
    """
    seconds = page.summary["seconds"]
    return _template().render(
        report={
            **{name: getattr(page, name) for name in Page.__dataclass_fields__},
            "up": up,
            "title": page.collection.rstrip("/").rsplit("/", 1)[-1] or page.collection,
            "created": f"{page.created:%d %B %Y, %H:%M} UTC",
            "seconds": f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min",
            "states": OUTCOMES,
            "words": WORDS,
        }
    )


def sample_of(page: Page) -> Sample | None:
    """Return the first photo that has a before and an after."""
    for card in page.photos:
        pictures = {view.caption: view.image for view in card.views}
        if "after" in pictures:
            return Sample(card.key, pictures)
    return None


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")


def _replace(path: Path, data: bytes) -> str:
    """Write a file beside ``path`` and move it there."""
    partial = path.with_name(partial_name())
    try:
        with partial.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror}. Free space, or give leave to write there, then run again."
        ) from error
    finally:
        # On a disk that may only be read even what is not there cannot be removed.
        with suppress(OSError):
            partial.unlink()
    return str(path)
