"""Photos as packages for other systems: PREMIS documents, a bag, or a IIIF tree.

For publication everything must be approved (`schemas.exports.approval`), and stay so while the package is being
written; otherwise nothing is written and the photos are named. Photos are taken from the catalog a page at a time,
files are streamed and compared with their recorded digests on the way; nothing that exists is overwritten. A photo
that has no result to show, or a file of which is missing, is left out and named; a package holds photos whole, and
is there whole or not at all. One of no photo is not written: a bag of nothing is none that programs accept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypedDict

from flows.bag import BagPackage, PremisPackage
from flows.iiif_tree import IiifPackage
from flows.package_files import check_free, under_construction
from flows.progress import Progress, listener
from oldphoto_core.errors import UsageError
from schemas.exports.approval import objection
from schemas.repository import Catalog
from schemas.rows import Dossier
from storage import Anywhere

PAGE = 100
LARGEST_SIDE = 65_500
"""Pixels; the longest side of a JPEG that libjpeg writes."""
NAMED = 1000
"""At most so many refused photos are named in a summary."""

Form = Literal["premis", "bag", "iiif"]
FORMS: tuple[Form, ...] = ("premis", "bag", "iiif")


class PackageSummary(TypedDict):
    """What was written. ``refused`` names what was left out; with ``written`` false nothing was written.

    ``unavailable`` of the photos left out were wanted and could not be exported.
    """

    form: str
    destination: str
    written: bool
    photos: int
    files: int
    left_out: int
    unavailable: int
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

    @property
    def publishing(self) -> bool:
        """Whether only what is approved is exported."""
        return self.for_publication or self.approved_only

    @property
    def all_or_nothing(self) -> bool:
        """Whether one photo that is not approved keeps back all others."""
        return self.for_publication and not self.approved_only

    def check(self) -> None:
        """Say at once what cannot work. Raises UsageError, StorageError."""
        if self.form not in FORMS:
            raise UsageError(f"Photos are not exported as {self.form!r}. Choose one of: {', '.join(FORMS)}.")
        check_free(self.destination)
        if self.form == "iiif" and not re.match(r"https?://\S+$", self.base_url or ""):
            raise UsageError(
                "A IIIF manifest names its files by web address. Say where they will be published: "
                "--base-url https://…"
            )
        if self.max_side < 64:
            raise UsageError(f"Access copies of {self.max_side} pixels show nothing. Give 64 or more.")
        if self.max_side > LARGEST_SIDE:
            raise UsageError(f"No JPEG has a side of {self.max_side} pixels. Give {LARGEST_SIDE} or less.")


class Package(Protocol):
    """One form of export, being written."""

    files: int

    def add(self, dossier: Dossier) -> str | None:
        """Write one photo, or say in words what keeps it out; then nothing of it is written."""

    def finish(self) -> None:
        """Write what is for the whole. Raises StorageError where a file that was written is gone."""


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
        UsageError: the request is impossible.
        FixityError: a file is not the one that was recorded.
        StorageError: a file cannot be read or written, or a photo's name cannot be a file's.
        CatalogError: the catalog cannot be used.
    """
    request.check()
    judged = _Judged()
    if request.all_or_nothing:
        for dossier in _dossiers(catalog, request):
            reason = objection(dossier)
            if reason is not None:
                judged.refuse(dossier, reason)
        if judged.count:
            return _summary(request, judged, photos=0, files=0, written=False)
    try:
        summary = _written(catalog, request)
    except _NotApprovedError as error:
        judged.refuse(error.dossier, error.reason)
        return _summary(request, judged, photos=0, files=0, written=False)
    except _NoPhotoError as error:
        return error.summary
    if request.publishing:
        catalog.record_publication(request.actor, request.form, str(request.destination), summary["photos"])
    return summary


class _NotApprovedError(Exception):
    """Ends an export of which everything has to be approved, so that nothing of it is left."""

    def __init__(self, dossier: Dossier, reason: str) -> None:
        super().__init__(reason)
        self.dossier, self.reason = dossier, reason


class _NoPhotoError(Exception):
    """Ends an export that has no photo, so that nothing of it is left."""

    def __init__(self, summary: PackageSummary) -> None:
        super().__init__(summary)
        self.summary = summary


def _written(catalog: Catalog, request: PackageRequest) -> PackageSummary:
    """Write the package.

    Raises _NotApprovedError where a photo keeps back all others, _NoPhotoError where all were left out.
    """
    judged = _Judged()
    total, photos, unavailable = catalog.photo_count(request.collection), 0, 0
    with under_construction(request.destination) as folder:
        package = _package(request, folder)
        for dossier in _dossiers(catalog, request):
            refusal = objection(dossier) if request.publishing else None
            if refusal is not None and request.all_or_nothing:
                # Since the first look somebody has decided anew, or a run has added a result.
                raise _NotApprovedError(dossier, refusal)
            reason = refusal or package.add(dossier)
            if reason is None:
                photos += 1
            else:
                judged.refuse(dossier, reason)
                unavailable += refusal is None
            listener().progress(Progress("export", photos + judged.count, total, dossier["key"]))
        if not photos:
            raise _NoPhotoError(
                _summary(request, judged, photos=0, files=0, written=False, unavailable=unavailable)
            )
        package.finish()
    return _summary(
        request, judged, photos=photos, files=package.files, written=True, unavailable=unavailable
    )


def _package(request: PackageRequest, folder: Path) -> Package:
    if request.form == "bag":
        return BagPackage(folder, Anywhere(), with_masters=request.with_masters)
    if request.form == "iiif":
        return IiifPackage(folder, Anywhere(), request.base_url or "", request.max_side)
    return PremisPackage(folder)


def _dossiers(catalog: Catalog, request: PackageRequest) -> Iterator[Dossier]:
    after = 0
    while page := catalog.dossiers(collection=request.collection, after=after, limit=PAGE):
        yield from page
        after = page[-1]["asset"]


def _summary(
    request: PackageRequest,
    judged: _Judged,
    *,
    photos: int,
    files: int,
    written: bool,
    unavailable: int = 0,
) -> PackageSummary:
    return PackageSummary(
        form=request.form,
        destination=str(request.destination),
        written=written,
        photos=photos,
        files=files,
        left_out=judged.count,
        unavailable=unavailable,
        refused=judged.named,
    )
