"""What fewer attention keys cost in quality and save in time: the fill of true masks at several caps.

    python -m benchmarks.attention_keys              # the damaged ones of 24 validation photographs, a minute
    python -m benchmarks.attention_keys --data FOLDER --photos 6

``FOLDER`` holds clean/ and defects/. The photographs are aged by the text's recipe; decibels are those of the
restored picture, and of its damaged part alone. ``difference`` is the mean change of the damaged part, in levels of
255, against the largest cap.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import PHOTOS, report
from oldphoto_core.degradation.library import DefectLibrary
from oldphoto_core.degradation.profiles import SEED_PROFILE, sample_recipe
from oldphoto_core.degradation.synthesize import age
from oldphoto_core.evaluation.metrics import psnr
from oldphoto_core.evaluation.pairs import list_photos, read_photo
from oldphoto_core.restore import given_mask, load_restorer
from oldphoto_core.settings import RestoreSettings
from oldphoto_core.training.split import in_validation

CAPS = (16384, 4096, 2048, 1024)


def main() -> None:
    """Restore every photograph at every cap, and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=PHOTOS.parent)
    parser.add_argument("--photos", type=int, default=24)
    given = parser.parse_args()
    library = DefectLibrary.from_directory(given.data / "defects")
    paths = [path for path in list_photos(given.data / "clean") if in_validation(path.name)][: given.photos]
    restorers = {cap: load_restorer(device="cpu", settings=RestoreSettings(max_keys=cap)) for cap in CAPS}
    rows: dict[int, list[dict[str, float]]] = {cap: [] for cap in CAPS}
    for number, path in enumerate(paths):
        aged = age(read_photo(path), sample_recipe(1000 + number, SEED_PROFILE), library)
        if not aged.mask.any():
            continue
        pixels = np.clip(np.rint(aged.aged * 255), 0, 255).astype(np.uint8)
        clean, reference = aged.clean.astype(np.float32), None
        for cap, restorer in restorers.items():
            began = time.perf_counter()
            restored = restorer.translate(pixels, given_mask(aged.mask, pixels)).restored
            seconds = time.perf_counter() - began
            picture = restored.astype(np.float32) / 255
            reference = picture if reference is None else reference
            rows[cap].append(
                {
                    "psnr": psnr(picture, clean),
                    "psnr_in_damage": psnr(picture, clean, aged.mask),
                    "difference": float(255 * np.abs(picture - reference)[aged.mask].mean()),
                    "seconds": seconds,
                }
            )
    report(
        "attention_keys",
        {"photos": len(rows[CAPS[0]]), "caps": {str(cap): _means(rows[cap]) for cap in CAPS}},
    )


def _means(rows: list[dict[str, float]]) -> dict[str, Any]:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


if __name__ == "__main__":
    main()
