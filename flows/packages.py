"""Photos as packages for other systems: PREMIS documents, a bag, or a IIIF tree.

For publication everything must be approved (`schemas.exports.approval`); otherwise nothing is written and the
photos are named. Photos are taken from the catalog a page at a time, files are streamed and compared with
their recorded digests on the way; nothing that exists is overwritten.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypedDict

from actors.storage import Anywhere
from flows.bag import BagPackage, PremisPackage
from flows.iiif_tree import IiifPackage
from flows.progress import Progress, listener
from oldphoto_core.errors import UsageError
from schemas.exports.approval import Dossier, objection
from schemas.repository import Catalog

PAGE = 100
NAMED = 1000
"""At most so many refused photos are named in a summary."""

Form = Literal["premis", "bag", "iiif"]
FORMS: tuple[Form, ...] = ("premis", "bag", "iiif")


class PackageSummary(TypedDict):
    """What was written. With ``refused`` not empty and ``written`` false nothing was."""

    form: str
    destination: str
    written: bool
    photos: int
    files: int
    left_out: int
    refused: list[dict[str, str]]


@dataclass(frozen=True)
class PackageRequest:
    """What to export.

    Args:
        form: premis, bag or iiif.
        destination: a folder that does not exist yet, or is empty.
        collection: only this collection.
        for_publication: refuse the whole export when a photo is not approved …
        approved_only: … or leave such photos out.
        with_masters: put the masters into the bag as well.
        base_url: where a IIIF tree will be published, for example ``https://archive.example/iiif``.
        max_side: longest side of the access copies of a IIIF tree, in pixels.
        actor: who exports, for the audit.
    """

    form: Form
    destination: Path
    collection: str | None = None
    for_publication: bool = False
    approved_only: bool = False
    with_masters: bool = False
    base_url: str | None = None
    max_side: int = 4096
    actor: str = "system"

    def check(self) -> None:
        """Say at once what cannot work. Raises UsageError."""
        if self.form not in FORMS:
            raise UsageError(f"Photos are not exported as {self.form!r}. Choose one of: {', '.join(FORMS)}.")
        if self.destination.exists() and (not self.destination.is_dir() or any(self.destination.iterdir())):
            raise UsageError(f"{self.destination} is there already and not empty. Export into a new folder.")
        if self.form == "iiif" and not re.match(r"https?://\S+$", self.base_url or ""):
            raise UsageError(
                "A IIIF manifest names its files by web address. Say where they will be published: "
                "--base-url https://…"
            )


class Package(Protocol):
    """One form of export, being written."""

    files: int

    def add(self, dossier: Dossier) -> None:
        """Write one photo."""

    def finish(self) -> None:
        """Write what is for the whole."""


@dataclass
class _Judged:
    """Which photos are refused: all counted, the first named."""

    count: int = 0
    named: list[dict[str, str]] = field(default_factory=list)

    def refuse(self, dossier: Dossier, reason: str) -> None:
        self.count += 1
        if len(self.named) < NAMED:
            self.named.append({"collection": dossier["collection"], "key": dossier["key"], "reason": reason})


def export_photos(catalog: Catalog, request: PackageRequest) -> PackageSummary:
    """Export photos as the request says.

    Raises:
        UsageError: the request is impossible, or a photo's name cannot be a file's.
        FixityError: a file is not the one that was recorded; the export is left unfinished.
        StorageError: a file cannot be read.
        CatalogError: the catalog cannot be used.
    """
    request.check()
    judged = _Judged()
    publishing = request.for_publication or request.approved_only
    if publishing and not request.approved_only:
        for dossier in _dossiers(catalog, request):
            reason = objection(dossier)
            if reason is not None:
                judged.refuse(dossier, reason)
        if judged.count:
            return _summary(request, judged, photos=0, files=0, written=False)
    package, photos = _package(request), 0
    total = catalog.photo_count(request.collection)
    for dossier in _dossiers(catalog, request):
        reason = objection(dossier) if publishing else None
        if reason is not None:
            judged.refuse(dossier, reason)
            continue
        package.add(dossier)
        photos += 1
        listener().progress(Progress("export", photos + judged.count, total, dossier["key"]))
    package.finish()
    if publishing:
        catalog.record_publication(request.actor, request.form, str(request.destination), photos)
    return _summary(request, judged, photos=photos, files=package.files, written=True)


def _package(request: PackageRequest) -> Package:
    if request.form == "bag":
        return BagPackage(request.destination, Anywhere(), with_masters=request.with_masters)
    if request.form == "iiif":
        return IiifPackage(request.destination, Anywhere(), request.base_url or "", request.max_side)
    return PremisPackage(request.destination)


def _dossiers(catalog: Catalog, request: PackageRequest) -> Iterator[dict[str, Any]]:
    after = 0
    while page := catalog.dossiers(collection=request.collection, after=after, limit=PAGE):
        yield from page
        after = page[-1]["asset"]


def _summary(
    request: PackageRequest, judged: _Judged, *, photos: int, files: int, written: bool
) -> PackageSummary:
    return PackageSummary(
        form=request.form,
        destination=str(request.destination),
        written=written,
        photos=photos,
        files=files,
        left_out=judged.count,
        refused=judged.named,
    )
