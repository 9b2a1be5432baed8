"""The pictures that belong to one photo: the scan, what was made of it, masks; by name.

Masters and derivatives are all stored in the master's orientation and shown upright.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from oldphoto_core.errors import StorageError
from oldphoto_core.photo import Tier
from review.pictures import PictureRequest
from review.pictures.pyramid import upright_size
from schemas.records import DerivativeKind
from schemas.rows import ContentRow, DerivativeRow, History, PlaceRow


class LayerKind(StrEnum):
    """What a layer shows."""

    SCAN = "scan"
    RESULT = "result"
    MASK = "mask"
    PROBABILITY = "probability"
    EDIT = "edit"


@dataclass(frozen=True)
class Layer:
    """One picture of a photo. ``name`` is its part of an address; ``tier`` is set for results."""

    name: str
    kind: LayerKind
    picture: PictureRequest
    tier: str | None = None
    size: int | None = None
    media_type: str | None = None

    @property
    def version(self) -> str:
        """Changes whenever the bytes do, so that addresses may be kept for good."""
        return self.picture.sha256[:16]


@dataclass(frozen=True)
class PhotoLayers:
    """All layers of a work item and the upright size that they share (0 × 0 where it is not known)."""

    item: int
    width: int
    height: int
    orientation: int
    layers: Mapping[str, Layer]

    def __getitem__(self, name: str) -> Layer:
        return self.layers[name]

    def get(self, name: str) -> Layer | None:
        """Return a layer, or None."""
        return self.layers.get(name)

    @property
    def results(self) -> list[Layer]:
        """What was made of the scan, the highest tier first."""
        return [layer for layer in self.layers.values() if layer.kind is LayerKind.RESULT]

    @property
    def edits(self) -> list[Layer]:
        """Masks that people edited, oldest first."""
        return [layer for layer in self.layers.values() if layer.kind is LayerKind.EDIT]

    def mask_source(self) -> Layer:
        """Return the detected mask. Raises StorageError where there is none."""
        layer = self.get("mask")
        if layer is None:
            raise StorageError("This photo has no mask to start from; it was not restored by this recipe.")
        return layer


def layers_of(history: History) -> PhotoLayers:
    """Return the layers that a work item's history names."""
    content = history["content"]
    orientation = orientation_of(content)
    key = history["key"]
    found: dict[str, Layer] = {}

    def shown(uri: str, sha256: str, *, is_mask: bool = False) -> PictureRequest:
        return PictureRequest(key, uri, sha256, orientation, keep_largest=is_mask)

    def add(name: str, kind: LayerKind, file: DerivativeRow, *, is_mask: bool = False) -> None:
        picture = shown(file["uri"], file["sha256"], is_mask=is_mask)
        found[name] = Layer(name, kind, picture, file["tier"], file["size"], file["media_type"])

    if (sha256 := history["sha256"]) and (scan := _scan(history)) is not None:
        found["scan"] = Layer("scan", LayerKind.SCAN, shown(scan["uri"], sha256), size=scan["size"])
    files = history["derivatives"]
    for file in files:
        if file["kind"] == DerivativeKind.RESTORED:
            add("restored", LayerKind.RESULT, file)
    kept = [(tier, file) for file in files if file["kind"] == DerivativeKind.TIER and (tier := file["tier"])]
    for tier, file in sorted(kept, key=lambda one: _rank(one[0]), reverse=True):
        add(f"tier-{tier}", LayerKind.RESULT, file)
    for file in files:
        if file["kind"] in (DerivativeKind.MASK, DerivativeKind.PROBABILITY):
            add(file["kind"], LayerKind(file["kind"]), file, is_mask=True)
    for edit in history["mask_edits"]:
        name = f"edit-{edit.mask_edit_id}"
        found[name] = Layer(name, LayerKind.EDIT, shown(edit.uri, edit.sha256, is_mask=True))
    width, height = (content["width"] or 0, content["height"] or 0) if content else (0, 0)
    return PhotoLayers(history["work_item"], *upright_size(width, height, orientation), orientation, found)


def _rank(tier: str) -> int:
    known = [one.value for one in Tier]
    return known.index(tier) if tier in known else -1


def orientation_of(content: ContentRow | None) -> int:
    """Return the EXIF orientation in a content's header; 1 where it says nothing sensible."""
    found = content["metadata"].get("orientation", 1) if content else 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _scan(history: History) -> PlaceRow | None:
    """Return where the very bytes lie that were worked on; another file may lie at the newest place."""
    return next((place for place in history["locations"] if place["sha256"] == history["sha256"]), None)
