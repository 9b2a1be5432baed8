"""One photo as a IIIF Presentation 3 manifest: restored and original to choose from, the mask as annotation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from schemas.cells import json_text
from schemas.exports.approval import approval_of
from schemas.rows import Dossier

_CONTEXT = "http://iiif.io/api/presentation/3/context.json"


@dataclass(frozen=True)
class WebImage:
    """An access copy: its path below the export's folder, and its size in pixels."""

    path: str
    width: int
    height: int
    media_type: str = "image/jpeg"


@dataclass(frozen=True)
class WebPhoto:
    """What a manifest shows, on a canvas of the scan's size; ``restored`` None: nothing was changed."""

    path: str
    width: int
    height: int
    original: WebImage
    restored: WebImage | None
    mask: WebImage | None


def manifest(dossier: Dossier, photo: WebPhoto, base: str) -> str:
    """Return a photo's manifest as JSON; ``base`` is the address under which the export will lie."""
    here = _address(base, photo.path)
    canvas = f"{here}/canvas"
    document = {
        "@context": _CONTEXT,
        "id": here,
        "type": "Manifest",
        "label": {"none": [dossier["key"]]},
        "metadata": _metadata(dossier),
        "requiredStatement": _statement(dossier, photo),
        "items": [
            {
                "id": canvas,
                "type": "Canvas",
                "width": photo.width,
                "height": photo.height,
                "items": [_page(f"{canvas}/painting", "painting", canvas, _painting(photo, base))],
                **_annotations(photo, base, canvas),
            }
        ],
    }
    return json_text(document)


def collection(
    name: str, entries: Sequence[tuple[str, str]], base: str, path: str, kind: str = "Manifest"
) -> str:
    """Return a IIIF collection of manifests (or, by ``kind``, of collections), given as (path, label)."""
    document = {
        "@context": _CONTEXT,
        "id": _address(base, path),
        "type": "Collection",
        "label": {"none": [name]},
        "items": [
            {"id": _address(base, entry), "type": kind, "label": {"none": [label]}}
            for entry, label in entries
        ],
    }
    return json_text(document)


def _painting(photo: WebPhoto, base: str) -> dict[str, Any]:
    original = _image(photo.original, base, "Original scan")
    if photo.restored is None:
        return original
    return {"type": "Choice", "items": [_image(photo.restored, base, "Restored (altered by AI)"), original]}


def _annotations(photo: WebPhoto, base: str, canvas: str) -> dict[str, Any]:
    if photo.mask is None:
        return {}
    body = _image(photo.mask, base, "Damage that was found (white) and filled in")
    return {"annotations": [_page(f"{canvas}/mask", "supplementing", canvas, body)]}


def _page(here: str, motivation: str, canvas: str, body: dict[str, Any]) -> dict[str, Any]:
    annotation = {
        "id": f"{here}/annotation",
        "type": "Annotation",
        "motivation": motivation,
        "target": canvas,
        "body": body,
    }
    return {"id": here, "type": "AnnotationPage", "items": [annotation]}


def _image(image: WebImage, base: str, label: str) -> dict[str, Any]:
    return {
        "id": _address(base, image.path),
        "type": "Image",
        "format": image.media_type,
        "width": image.width,
        "height": image.height,
        "label": {"en": [label]},
    }


def _statement(dossier: Dossier, photo: WebPhoto) -> dict[str, Any]:
    if photo.restored is None:
        text = "Not altered: this is the scan as it was made."
        return {"label": {"en": ["Alteration"]}, "value": {"en": [text]}}
    models = ", ".join(f"{model['name']} {model['version']}" for model in dossier["models"]) or "its networks"
    text = (
        f"The restored picture was altered by AI: oldphoto made it by machine (tier {dossier['tier']}, "
        f"{models}). Parts of it are invented. The original scan is offered beside it."
    )
    return {"label": {"en": ["Altered by AI"]}, "value": {"en": [text]}}


def _metadata(dossier: Dossier) -> list[dict[str, Any]]:
    approval = approval_of(dossier)
    told = {
        "Collection": dossier["collection"],
        "SHA-256 of the scan": dossier["sha256"],
        "Recipe": dossier.get("recipe"),
        "Share that was filled in": _percent(dossier.get("mask_coverage")),
        "Approved by": approval["reviewer"] if approval else None,
        "Approved on": approval["at"].date().isoformat() if approval else None,
    }
    return [
        {"label": {"en": [label]}, "value": {"none": [str(value)]}}
        for label, value in told.items()
        if value is not None
    ]


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.1f} %"


def _address(base: str, path: str) -> str:
    return f"{base.rstrip('/')}/{quote(path)}"
