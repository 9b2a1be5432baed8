"""Masks as a curator draws them: a base, strokes on top of it, and a file beside the detected mask.

Strokes are in pixels of the upright picture, so they mean the same at any zoom and on any screen; the desk
draws them at full size. Masks are stored in the master's orientation, as the detected ones are.
"""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from oldphoto_core.errors import StorageError
from oldphoto_core.image_io import encode_mask, from_upright
from review.files import DeskFiles
from review.layers import LayerKind, PhotoLayers
from review.pictures import PictureShelf
from storage import Created
from storage.file_names import ending_in

MAX_STROKES = 5_000
MAX_POINTS = 20_000
_LARGEST_BRUSH = 4_000.0

Coordinate = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]


class Stroke(BaseModel):
    """One movement of the brush (``paint``: to be repaired) or of the eraser; ``size`` is its diameter."""

    tool: Literal["paint", "erase"]
    size: Annotated[float, Field(gt=0, le=_LARGEST_BRUSH, allow_inf_nan=False)]
    points: Annotated[list[tuple[Coordinate, Coordinate]], Field(min_length=1, max_length=MAX_POINTS)]


class MaskDrawing(BaseModel):
    """An edited mask as the page sends it.

    ``base`` names the layer to start from (``mask``, ``edit-…``), ``probability`` cut at ``threshold``, or
    ``empty``.
    """

    base: Annotated[str, Field(pattern=r"^(mask|probability|empty|edit-[0-9]{1,18})$")] = "mask"
    threshold: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.5
    strokes: Annotated[list[Stroke], Field(max_length=MAX_STROKES)] = []


def draw(drawing: MaskDrawing, layers: PhotoLayers, shelf: PictureShelf) -> NDArray[np.bool_]:
    """Return the mask that was drawn: ``H×W`` bool, upright, True = repair.

    Raises:
        StorageError, FixityError, PhotoError: its base cannot be read.
    """
    canvas = _base(drawing, layers, shelf)
    for stroke in drawing.strokes:
        value = 255 if stroke.tool == "paint" else 0
        # A place within a pixel belongs to that pixel, whose number is the whole part.
        points = np.floor(np.asarray(stroke.points, np.float64)).astype(np.int32)
        if len(points) == 1:
            centre = (int(points[0, 0]), int(points[0, 1]))
            cv2.circle(canvas, centre, max(0, round((stroke.size - 1) / 2)), value, cv2.FILLED)
        else:
            cv2.polylines(canvas, [points[:, None]], False, value, max(1, round(stroke.size)))
    return canvas > 127


def save(mask: NDArray[np.bool_], layers: PhotoLayers, files: DeskFiles) -> Created:
    """Write an upright mask beside the detected one, under a name that holds its digest; nothing is replaced.

    Raises:
        StorageError: the place cannot be written to.
    """
    detected = layers.mask_source().picture
    data = encode_mask(from_upright(mask, layers.orientation))
    name = PurePosixPath(detected.uri).name.removesuffix(".png")
    digest = hashlib.sha256(data).hexdigest()
    edited = ending_in(name, f".edit-{digest[:12]}.png")
    return files.create_beside(detected.uri, edited, data, "image/png")


def _base(drawing: MaskDrawing, layers: PhotoLayers, shelf: PictureShelf) -> NDArray[np.uint8]:
    if drawing.base == "empty":
        if not layers.width:
            raise StorageError("The size of this photo is not known, so no mask can be drawn.")
        return np.zeros((layers.height, layers.width), np.uint8)
    layer = layers.get(drawing.base)
    if layer is None or layer.kind not in (LayerKind.MASK, LayerKind.PROBABILITY, LayerKind.EDIT):
        raise StorageError("The mask to start from is not there any more. Reload the page.")
    values = np.array(shelf.pyramid(layer.picture).levels[0])
    grey: NDArray[np.uint8] = values if values.ndim == 2 else values.max(axis=2)
    if drawing.base != "probability":
        return grey
    return np.where(grey >= max(1, round(drawing.threshold * 255)), 255, 0).astype(np.uint8)
