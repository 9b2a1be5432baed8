"""Restoring with a mask that somebody drew, through the very stages that use a detected one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from actors.restorer import PhotoRestorer, TranslationLike
from oldphoto_core.errors import FixityError, StorageError, UsageError
from oldphoto_core.fixity import sha256_bytes
from oldphoto_core.image_io import decode, to_upright
from oldphoto_core.photo import DefectDetection, Face, Flag, Mask, Pixels, Severity, Tier
from oldphoto_core.raster import MemoryRaster, Raster, Workspace
from schemas.records import DONE_AGAIN
from schemas.review_records import MaskEditRecord
from storage import Store

if TYPE_CHECKING:
    from oldphoto_core.scan import ScanRestoration

REDONE = Flag(
    DONE_AGAIN,
    Severity.NOTICE,
    1.0,
    1.0,
    1,
    "This was made again because a reviewer asked for it. See whether it is right now.",
)
"""Every redone photo comes back to the desk, whatever is measured."""


def read_mask(store: Store, edit: MaskEditRecord, orientation: int) -> Mask:
    """Return an edited mask, ``H×W`` bool, upright, True = repair.

    Args:
        store: the destination, beside whose masks it was written.
        edit: what the catalog says about it.
        orientation: EXIF value of the master, in whose orientation masks are stored.

    Raises:
        StorageError: it lies elsewhere or cannot be read.
        FixityError: its bytes are not the recorded ones.
        PhotoError: it is no picture.
    """
    start = f"{store.uri}/"
    if not edit.uri.startswith(start):
        raise StorageError(
            f"The mask {edit.uri} lies outside of {store.uri}. Name the destination that it is of."
        )
    data = store.read(edit.uri.removeprefix(start))
    found = sha256_bytes(data)
    if found != edit.sha256:
        raise FixityError(edit.uri, "sha256", edit.sha256, found)
    pixels = decode(data, key=edit.uri).pixels
    grey = pixels if pixels.ndim == 2 else pixels[..., 0]
    return to_upright(grey > 127, orientation)


@dataclass(frozen=True)
class RedoRestorer:
    """A restorer of one photo that somebody wants made again; with ``mask`` it does not look for damage.

    All else is the inner restorer's.
    """

    inner: PhotoRestorer
    mask: Mask | None = None

    @property
    def available_tiers(self) -> tuple[Tier, ...]:
        """The tiers for which there are trained weights."""
        return self.inner.available_tiers

    def detect(self, pixels: Pixels) -> DefectDetection:
        """Return the drawn mask as what was found. Raises UsageError if it is of another size."""
        if self.mask is None:
            return self.inner.detect(pixels)
        if self.mask.shape != pixels.shape[:2]:
            raise UsageError(
                f"The mask is {self.mask.shape[1]} × {self.mask.shape[0]}, the photo {pixels.shape[1]} × "
                f"{pixels.shape[0]} pixels. Edit the mask of this very photo."
            )
        return DefectDetection(self.mask.astype("float32"), self.mask, drawn=True)

    def translate(
        self, pixels: Pixels, detection: DefectDetection, *, fill_only: bool = False
    ) -> TranslationLike:
        """Make the two lower tiers."""
        # Between the stages nobody says who made the mask.
        told = replace(detection, drawn=self.mask is not None)
        return self.inner.translate(pixels, told, fill_only=fill_only)

    def enhance(
        self, pixels_original: Pixels, restored: Pixels, *, refine: bool = True
    ) -> tuple[Pixels, tuple[Face, ...], dict[str, float]]:
        """Refine the faces."""
        return self.inner.enhance(pixels_original, restored, refine=refine)

    def restore_scan(
        self, pixels: Raster, workspace: Workspace, tiers: frozenset[Tier], mask: Raster | None = None
    ) -> ScanRestoration:
        """Take all steps on a photo that is too large for memory."""
        given = MemoryRaster(self.mask) if self.mask is not None else mask
        found = self.inner.restore_scan(pixels, workspace, tiers, given)
        return replace(found, flags=(*found.flags, REDONE))

    def assess(self, measurements: dict[str, float], *, needed: bool) -> tuple[Flag, ...]:
        """Return the reasons to look at the result; that it was redone is one."""
        return (*self.inner.assess(measurements, needed=needed), REDONE)
