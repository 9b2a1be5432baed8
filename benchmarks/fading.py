"""How many photographs are given blacks and whites back, and how much: real old ones, and modern ones that need none.

    python -m benchmarks.fading                                     # a minute or two
    python -m benchmarks.fading --data FOLDER --sheet sheet.png     # look at those that are changed

``FOLDER`` holds clean/ and old/. Photographs that training never saw are counted by themselves as well. The sheet
shows pairs as scanned and spread, evenly chosen from the most to the least changed of old/, without any restoration.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.common import PHOTOS, report
from oldphoto_core.degradation.sheet import tile_rows
from oldphoto_core.evaluation.pairs import Photo, list_photos, read_photo
from oldphoto_core.latent.fading import Levels, lost_levels
from oldphoto_core.latent.overview import overview
from oldphoto_core.latent.tone_correction import ToneCorrection
from oldphoto_core.models.fading_estimator import FadingEstimator
from oldphoto_core.pixels import PixelKind, to_unit
from oldphoto_core.raster import MemoryRaster
from oldphoto_core.training.split import in_validation
from oldphoto_core.weights.load import load_networks

_ON_SHEET = 24


def main() -> None:
    """Ask the shipped estimator about every photograph, and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=PHOTOS.parent)
    parser.add_argument("--sheet", type=Path, help="picture to write")
    given = parser.parse_args()
    estimator = load_networks("compact").fading
    if estimator is None:
        parser.error("the shipped weights lack the fading estimator")
    found = {name: asked(estimator, list_photos(given.data / name)) for name in ("old", "clean")}
    report("fading", {name: figures(levels) for name, levels in found.items()})
    if given.sheet:
        cv2.imwrite(str(given.sheet), sheet(found["old"])[..., ::-1])


def asked(estimator: FadingEstimator, paths: Iterable[Path]) -> dict[Path, Levels]:
    """Return what the estimator says of each photograph."""
    return {path: lost_levels(estimator, overview(MemoryRaster(read_photo(path)))) for path in paths}


def figures(levels: dict[Path, Levels]) -> dict[str, Any]:
    """Return how many photographs are changed, and by how much those are."""
    held_out = {path: one for path, one in levels.items() if in_validation(path.name)}
    given_back = [1 - one.span for one in levels.values() if one.span < 1]
    return {
        "photographs": len(levels),
        "changed": len(given_back),
        "held_out": len(held_out),
        "held_out_changed": sum(one.span < 1 for one in held_out.values()),
        "given_back": {
            f"{share} %": round(float(np.percentile(given_back, share)), 3) for share in (0, 50, 100)
        }
        if given_back
        else {},
    }


def sheet(levels: dict[Path, Levels]) -> Photo:
    """Return pairs of pictures, the most changed first."""
    changed = sorted((path for path, one in levels.items() if one.span < 1), key=lambda p: levels[p].span)
    chosen = changed[:: max(1, len(changed) // _ON_SHEET)][:_ON_SHEET]
    pairs = [[read_photo(path), spread(read_photo(path), levels[path])] for path in chosen]
    return tile_rows([[*one, *other] for one, other in zip(pairs[::2], pairs[1::2], strict=False)], 256)


def spread(pixels: Photo, levels: Levels) -> Photo:
    """Return a photograph with its tones spread."""
    correction = ToneCorrection.of(levels, np.zeros(3, np.float32))
    return PixelKind.of(MemoryRaster(pixels)).stored(correction.applied(to_unit(pixels)))


if __name__ == "__main__":
    main()
