"""The picture that an evaluation can write: photographs and faces before, after, and as they should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from oldphoto_core.degradation.sheet import Tile, tile_rows, to_uint8
from oldphoto_core.evaluation.faces import SeenFace
from oldphoto_core.evaluation.pairs import Photo
from oldphoto_core.photo import Mask


@dataclass(frozen=True)
class ComparedPhoto:
    """The pictures of one photograph, for looking at: ``uint8`` pictures and the detected mask."""

    name: str
    before: Photo
    mask: Mask
    ours: Photo
    chain: Photo
    truth: Photo


def comparison_sheet(
    photos: Sequence[ComparedPhoto], faces: Sequence[SeenFace] = (), *, side: int = 256
) -> Tile:
    """Show one photograph a line: before, detected mask, ours, the OpenCV chain, the truth.

    Faces follow, one a line: aged, restored, enhanced, the truth.
    """
    rows = [[p.before, to_uint8(p.mask), p.ours, p.chain, p.truth] for p in photos]
    rows += [[*face.stages.values(), face.truth] for face in faces]
    return tile_rows(rows, side)
