"""Small pictures for reports: a photo before, where damage was seen, and after, as JPEG data URIs.

Everything shown is upright. Masters are read once more for this, so the number of pixels that a report may
decode is bounded: see `PreviewMaker`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.errors import FixityError, PhotoError, StorageError
from oldphoto_core.fixity import sha256_stream, verify
from oldphoto_core.image_io import Display, decode_scan, encode_jpeg_preview, to_upright
from oldphoto_core.photo import Pixels
from oldphoto_core.raster import OnDisk, reduced
from storage import Store

MAX_SIDE = 440
MASK_COLOUR = (226, 61, 22)
PIXEL_BUDGET = 800_000_000
DECODE_BYTES = 1_600_000_000
"""Memory for one picture; one that cannot be decoded within it has no preview."""
_KEPT_SIDE = 4 * MAX_SIDE


@dataclass(frozen=True)
class Preview:
    """A picture ready to be put into a page; ``width`` and ``height`` in pixels."""

    data_uri: str
    width: int
    height: int


@dataclass(frozen=True)
class Previews:
    """What can be shown of one photo, damage only where there is any; ``reason`` says why nothing can."""

    before: Preview | None = None
    damage: Preview | None = None
    after: Preview | None = None
    reason: str | None = None


class PreviewMaker:
    """Makes previews until its pixel budget is used up.

    Args:
        source: the masters.
        destination: the derivatives.
        pixel_budget: how many pixels may be decoded in all, counting a photo as often as it is decoded.
    """

    def __init__(self, source: Store, destination: Store, pixel_budget: int = PIXEL_BUDGET) -> None:
        self.source, self.destination = source, destination
        self.left = pixel_budget

    def make(
        self,
        master: str,
        *,
        pixels: int,
        sha256: str | None = None,
        mask: str | None = None,
        restored: str | None = None,
    ) -> Previews:
        """Return the previews of one photo.

        Args:
            master: its key in the source.
            pixels: its size, width × height.
            sha256: of the master that was restored; if another lies there by now there is no picture.
            mask: key of its mask in the destination.
            restored: key of its restored picture in the destination.
        """
        cost = pixels * (1 + (mask is not None) + (restored is not None))
        if cost > self.left:
            return Previews(reason="Too large for a picture here; open the files themselves.")
        self.left -= cost
        try:
            before, orientation = self._upright(self.source, master, sha256)
            damage = self._mask(mask, orientation) if mask is not None else None
            after = self._upright(self.destination, restored)[0] if restored is not None else None
        except FixityError:
            return Previews(reason="No picture: the scan that was restored was replaced by another file.")
        except (PhotoError, StorageError, OSError) as error:
            return Previews(reason=f"No picture: {error}")
        small = shrink(before)
        return Previews(
            before=to_preview(small),
            damage=to_preview(highlight(small, damage)) if damage is not None and damage.any() else None,
            after=to_preview(shrink(after)) if after is not None else None,
        )

    @staticmethod
    def _upright(store: Store, key: str, sha256: str | None = None) -> tuple[Pixels, int]:
        """Return a picture for a screen, reduced where large, and its orientation. Raises FixityError for another."""
        with store.located(key) as path, OnDisk() as workspace:
            if sha256 is not None:
                with path.open("rb") as stream:
                    verify(key, "sha256", sha256, sha256_stream(stream)[0])
            scan = decode_scan(path, key=key, workspace=workspace, memory=DECODE_BYTES)
            small = reduced(scan.pixels, _KEPT_SIDE)[0]
            # The small JPEG carries no colour profile, so what it shows has to be sRGB.
            return Display.of(scan.header, small).convert(small), scan.header.orientation

    def _mask(self, key: str, orientation: int) -> NDArray[np.bool_]:
        # The mask lies as the master is stored, and says nothing about the orientation itself.
        stored, _ = self._upright(self.destination, key)
        # Where it was reduced, any damage within a pixel counts.
        return to_upright(stored, orientation) > 0


def shrink(pixels: Pixels, max_side: int = MAX_SIDE) -> NDArray[np.uint8]:
    """Return a small 8-bit RGB copy, ``h×w×3``, whose longer side is at most ``max_side``; never enlarged."""
    small = shrink_as_stored(pixels, max_side)
    if small.dtype == np.uint16:
        small = np.right_shift(small, 8)
    if small.ndim == 2:
        small = np.repeat(small[..., None], 3, axis=2)
    return np.ascontiguousarray(small, dtype=np.uint8)


def shrink_as_stored(pixels: Pixels, max_side: int) -> NDArray[Any]:
    """Return a small copy of the same depth and channels, whose longer side is at most ``max_side``."""
    height, width = pixels.shape[:2]
    scale = min(1.0, max_side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels)


def highlight(small: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return ``small`` (``h×w×3``) in pale grey with the damage of ``mask`` (``H×W``) coloured.

    A scratch of one pixel must not vanish in a small picture: any damaged pixel colours the pixel that shows
    it.
    """
    height, width = small.shape[:2]
    share = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    damaged = share > 1e-3
    grey = small.mean(axis=2, keepdims=True)
    pale = np.repeat(0.55 * grey + 0.45 * 235, 3, axis=2)
    pale[damaged] = MASK_COLOUR
    return pale.round().astype(np.uint8)


def to_preview(small: NDArray[np.uint8]) -> Preview:
    """Return a small picture as a JPEG data URI."""
    data = encode_jpeg_preview(small, MAX_SIDE)
    uri = "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
    return Preview(uri, small.shape[1], small.shape[0])
