"""The static report: one HTML file without any outside request, derived from the catalog.

What it contains is collected in `flows.report_data`; this module renders it and puts it into the destination.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
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
WORDS = {
    "done": "restored",
    "skipped": "needed nothing",
    "quarantined": "quarantined",
    "failed": "failed",
    "pending": "still pending",
}


@dataclass(frozen=True)
class View:
    """One picture of a card; ``image`` is a data URI, ``link`` leads to the file itself."""

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

    In a folder ``report.html`` is replaced, whole or not at all. A bucket gets a new object per run.

    Raises:
        StorageError: the destination refuses.
    """
    data = render(page).encode("utf-8")
    if isinstance(destination, FolderStore):
        uri = _replace(destination.root / "report.html", data)
    else:
        key = f"reports/{page.created:%Y%m%dT%H%M%SZ}-run-{page.run}.html"
        uri = destination.create(key, data, "text/html; charset=utf-8").uri
    return Report(uri, sample_of(page))


def existing_report(destination: Store) -> Report | None:
    """Return the report that an earlier run left in a folder; None when there is none to be found."""
    if isinstance(destination, FolderStore) and destination.exists("report.html"):
        return Report(destination.uri_of("report.html"), None)
    return None


def render(page: Page) -> str:
    """Return the page as HTML; everything that comes from files is escaped."""
    seconds = page.summary["seconds"]
    return _template().render(
        report={
            **{name: getattr(page, name) for name in Page.__dataclass_fields__},
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
            f"{path} cannot be written: {error.strerror}. Free space, then run again."
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return str(path)
