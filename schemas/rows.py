"""The rows that questions to the catalog are answered with, key by key.

They are dictionaries because people read them as JSON, CSV and Parquet (whose columns :mod:`schemas.arrow` lists).
:mod:`schemas.items`, :mod:`schemas.dossier_parts` and :mod:`schemas.dossier` make them; here is no SQL, so that
exports may name them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NotRequired, TypedDict

from schemas.review_records import Decision, MaskEditRecord, QueueRow


class FlagRow(TypedDict):
    """A flag of a work item."""

    code: str
    severity: str
    value: float | None
    threshold: float | None
    rule_version: int
    explanation: str
    state: str


class ItemColumns(TypedDict):
    """A work item by itself. ``outcome`` is its state; ``sha256`` None: its bytes could not be read."""

    work_item: int
    collection: str
    key: str
    sha256: str | None
    outcome: str
    reason: str | None
    error_class: str | None
    tier: str | None
    attempts: int
    seconds: float | None
    finished_at: datetime | None
    run: int | None
    recipe: str
    asset: int


class ItemRow(ItemColumns):
    """A work item as lists show it: ``source``, ``restored`` and ``mask`` are URIs."""

    source: str | None
    flags: list[FlagRow]
    restored: str | None
    mask: str | None


class FileRow(TypedDict):
    """Where a file lies, and the digest that it has to have."""

    uri: str
    sha256: str


class DerivativeRow(FileRow):
    """A file that was made."""

    kind: str
    tier: str | None
    size: int
    media_type: str
    created_at: datetime


class FaceRow(TypedDict):
    """A face. ``box``: x, y, width and height in pixels of the upright picture."""

    landmarks: list[list[float]]
    score: float | None
    drift: float | None
    applied: bool
    box: list[float | None]


class ModelRow(TypedDict):
    """A network of a recipe."""

    name: str
    version: str
    weights_sha256: str
    licence: str


class ReviewRow(TypedDict):
    """A review as dossiers tell of it."""

    review: int
    decision: Decision
    reason: str
    reviewer: str
    at: datetime
    output_sha256: str
    mask_edit_id: int | None
    undoes: int | None


class PlaceRow(TypedDict):
    """Where a photo was seen, and with which bytes; ``sha256`` None: they could not be read."""

    uri: str
    sha256: str | None
    size: int
    modified: str
    first_seen: datetime
    last_seen: datetime
    error: str | None
    error_class: str | None


class ContentRow(TypedDict):
    """What is known of a master's bytes; ``metadata`` is of their header."""

    sha256: str
    size: int
    format: str | None
    width: int | None
    height: int | None
    bit_depth: int | None
    metadata: dict[str, Any]
    warnings: list[str]


class EventRow(TypedDict):
    """A PREMIS event of a photo; each type has a ``detail`` of its own."""

    type: str
    at: datetime
    outcome: str
    detail: dict[str, Any]
    agent: str
    agent_type: str
    work_item: int | None
    run: int | None


class ResultRow(ItemRow):
    """A work item with all that came of it."""

    mask_coverage: float | None
    mask_components: int | None
    derivatives: list[DerivativeRow]
    faces: list[FaceRow]
    measurements: dict[str, float]
    decision: str
    reviews: list[ReviewRow]


class AssetRow(TypedDict):
    """A photo by its name."""

    asset: int
    collection: str
    key: str
    stem: str


class PhotoParts(TypedDict):
    """What is a photo's own, whichever of its results is told of; ``work_items`` are all of these, newest first."""

    stem: str
    content: ContentRow | None
    locations: list[PlaceRow]
    work_items: list[ResultRow]
    models: list[ModelRow]
    events: list[EventRow]


class Dossier(PhotoParts):
    """A photo, with the keys of the :class:`ResultRow` that answers for it; see :func:`schemas.dossier.show`.

    A photo that was not planned yet has ``outcome`` None, and lacks what only a work item has.
    """

    collection: str
    key: str
    sha256: str | None
    outcome: str | None
    reason: str | None
    error_class: str | None
    tier: str | None
    restored: str | None
    mask: str | None
    asset: int
    flags: list[FlagRow]
    derivatives: list[DerivativeRow]
    faces: list[FaceRow]
    measurements: dict[str, float]
    decision: str | None
    reviews: list[ReviewRow]
    work_item: NotRequired[int]
    attempts: NotRequired[int]
    seconds: NotRequired[float | None]
    finished_at: NotRequired[datetime | None]
    run: NotRequired[int | None]
    recipe: NotRequired[str]
    source: NotRequired[str | None]
    mask_coverage: NotRequired[float | None]
    mask_components: NotRequired[int | None]


class History(Dossier):
    """A dossier for the desk; see ``Catalog.history``. It stays inside of the program, and so holds records."""

    recipe_document: dict[str, Any]
    mask_edits: list[MaskEditRecord]
    queue: QueueRow | None
    present: int | None
