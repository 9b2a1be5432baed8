"""The pictures that belong to one photo: the scan, what was made of it, masks; by name.

Masters and derivatives are all stored in the master's orientation and shown upright.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from oldphoto_core.errors import StorageError
from oldphoto_core.photo import Tier
from review.pictures import PictureRequest
from review.pictures.pyramid import upright_size
from schemas.records import DerivativeKind


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


def layers_of(history: Mapping[str, Any]) -> PhotoLayers:
    """Return the layers that a work item's history names."""
    content = history["content"] or {}
    orientation = orientation_of(content)
    key = history["key"]
    found: dict[str, Layer] = {}

    def add(name: str, kind: LayerKind, file: Mapping[str, Any], *, is_mask: bool = False) -> None:
        picture = PictureRequest(key, file["uri"], file["sha256"], orientation, keep_largest=is_mask)
        found[name] = Layer(name, kind, picture, file.get("tier"), file.get("size"), file.get("media_type"))

    if history["sha256"] and (scan := _scan(history)) is not None:
        add("scan", LayerKind.SCAN, scan)
    files = history["derivatives"]
    for file in files:
        if file["kind"] == DerivativeKind.RESTORED:
            add("restored", LayerKind.RESULT, file)
    kept = [file for file in files if file["kind"] == DerivativeKind.TIER and file["tier"]]
    for file in sorted(kept, key=lambda file: _rank(file["tier"]), reverse=True):
        add(f"tier-{file['tier']}", LayerKind.RESULT, file)
    for file in files:
        if file["kind"] in (DerivativeKind.MASK, DerivativeKind.PROBABILITY):
            add(file["kind"], LayerKind(file["kind"]), file, is_mask=True)
    for edit in history["mask_edits"]:
        add(f"edit-{edit['mask_edit_id']}", LayerKind.EDIT, edit, is_mask=True)
    width, height = content.get("width") or 0, content.get("height") or 0
    return PhotoLayers(history["work_item"], *upright_size(width, height, orientation), orientation, found)


def _rank(tier: str) -> int:
    known = [one.value for one in Tier]
    return known.index(tier) if tier in known else -1


def orientation_of(content: Mapping[str, Any]) -> int:
    """Return the EXIF orientation in a content's header; 1 where it says nothing sensible."""
    found = (content.get("metadata") or {}).get("orientation", 1)
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _scan(history: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return where the very bytes lie that were worked on; another file may lie at the newest place."""
    for place in history["locations"]:
        if place["sha256"] == history["sha256"]:
            return {"uri": place["uri"], "sha256": place["sha256"], "size": place["size"]}
    return None
