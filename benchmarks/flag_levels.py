"""Where the flags' thresholds stand: what is measured on ordinary photographs, on strangers, and at what cost.

    python -m benchmarks.flag_levels --photos DATA/old --split validation     # all of it
    python -m benchmarks.flag_levels --photos DATA/old --limit 200 --only levels

``levels``: percentiles of every measurement behind a rule over restored photographs, and the share that each rule
flags. ``strangers``: ``latent_distance`` of pictures that are none (benchmarks/strangers.py). ``steadiness``: whether
``sample_deviation`` foretells the true error, over photographs of ``clean/`` beside the folder that are aged here.
``damage``: how often the damage that our synthesis draws passes for lettering. ``cost``: processor time of the
measurements that look at pixels again, as shares of a whole restoration, over sizes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.common import PHOTOS, report
from benchmarks.strangers import Picture, strangers
from oldphoto_core.degradation.library import DefectLibrary
from oldphoto_core.degradation.profiles import PROFILES, WEAR_PROFILE, sample_recipe
from oldphoto_core.degradation.synthesize import age
from oldphoto_core.detection.lettering import measure_lettering
from oldphoto_core.detection.masks import dilated
from oldphoto_core.evaluation.pairs import find_pairs
from oldphoto_core.faces.before_after import compare_faces
from oldphoto_core.flags import RULES
from oldphoto_core.latent.doubts import doubts
from oldphoto_core.latent.overview import overview
from oldphoto_core.raster import MemoryRaster
from oldphoto_core.restore import Restorer, load_restorer
from oldphoto_core.training.split import in_validation

PERCENTILES = (50, 90, 95, 97, 98, 99, 100)
SIDES = (500, 1500, 3000)
PARTS = ("levels", "strangers", "steadiness", "damage", "cost")


def main() -> None:
    """Measure what was asked for, and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, default=PHOTOS, help="folder of JPEG photographs")
    parser.add_argument("--split", choices=("all", "validation", "training"), default="all")
    parser.add_argument("--limit", type=int, help="at most so many photographs, spread over the folder")
    parser.add_argument("--weights", type=Path, help="folder of weights (default: the shipped ones)")
    parser.add_argument("--only", choices=PARTS, help="one part of it")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    cv2.setNumThreads(given.threads)
    restorer = load_restorer(device="cpu", weights=given.weights)
    chosen = spread(photographs(given.photos, given.split), given.limit)
    parts: dict[str, Callable[[], Any]] = {
        "levels": lambda: levels(restorer, chosen),
        "strangers": lambda: strange(restorer, [read(path) for path in spread(chosen, 40)]),
        "steadiness": lambda: steadiness(restorer, given.photos.parent, given.limit or 60),
        "damage": lambda: damage([read(path) for path in spread(chosen, given.limit or 200)]),
        "cost": lambda: cost(restorer, [read(path) for path in spread(chosen, 4)]),
    }
    wanted = [given.only] if given.only else PARTS
    figures = {part: parts[part]() for part in wanted}
    report(f"flag_levels_{given.only or 'all'}", {"photos": len(chosen), "split": given.split, **figures})


def photographs(folder: Path, split: str) -> list[Path]:
    """Return the photographs of one side of the split, in order of name."""
    wanted = {"all": (True, False), "validation": (True,), "training": (False,)}[split]
    return [path for path in sorted(folder.glob("*.jpg")) if in_validation(path.name) in wanted]


def spread(paths: Sequence[Path], limit: int | None) -> list[Path]:
    """Return at most ``limit`` of the paths, evenly spread."""
    places = np.linspace(0, len(paths) - 1, min(limit or len(paths), len(paths)))
    return [paths[round(place)] for place in places]


def read(path: Path) -> Picture:
    """Return ``H×W×3`` RGB."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert picture is not None, path
    return np.ascontiguousarray(picture[..., ::-1], np.uint8)


def levels(restorer: Restorer, paths: Sequence[Path]) -> dict[str, Any]:
    """Restore the photographs; return percentiles by measurement, shares by rule, and the highest by name."""
    found: dict[str, dict[str, float]] = {}
    for path in paths:
        result = restorer.restore(read(path))
        if result.needed:
            found[path.name] = result.measurements
    table = {}
    for rule in RULES:
        values = {name: one[rule.measurement] for name, one in found.items() if rule.measurement in one}
        if values:
            held = np.array(list(values.values()))
            table[rule.code] = {
                "threshold": rule.threshold,
                "flagged": float((held >= rule.threshold).mean()),
                "percentiles": {str(p): round(float(np.percentile(held, p)), 5) for p in PERCENTILES},
                "highest": sorted(values, key=lambda name: -values[name])[:6],
            }
    return {"restored": len(found), "rules": table}


def strange(restorer: Restorer, photos: list[Picture]) -> dict[str, Any]:
    """Return median distance and the share at or above the threshold, by kind of picture."""
    threshold = next(rule.threshold for rule in RULES if rule.measurement == "latent_distance")
    table = {}
    for kind, pictures in {"photographs": photos, **strangers(photos, len(photos))}.items():
        found = np.array(
            [doubts_of(restorer, picture).get("latent_distance", np.nan) for picture in pictures]
        )
        table[kind] = {
            "median": round(float(np.nanmedian(found)), 3),
            "flagged": float((found >= threshold).mean()),
        }
    return table


def doubts_of(restorer: Restorer, picture: Picture) -> dict[str, float]:
    """Return what the translator measures of a picture without damage."""
    assert restorer.translator is not None
    raster, mask = MemoryRaster(picture), MemoryRaster(np.zeros(picture.shape[:2], bool))
    return doubts(restorer.translator, raster, mask, overview(raster))


def steadiness(restorer: Restorer, data: Path, number: int) -> dict[str, Any]:
    """Return the rank correlation of ``sample_deviation`` with the error against the truth, by ageing profile."""
    table = {}
    for profile in sorted(PROFILES):
        _, pairs = find_pairs(data, profile=profile, limit=number, size=256, seed=0, keep=in_validation)
        rows = []
        for pair in pairs:
            result = restorer.restore(pair.aged)
            error = np.sqrt(np.mean((result.image / 255.0 - pair.clean / 255.0) ** 2))
            rows.append((result.measurements.get("sample_deviation", np.nan), error))
        deviation, error = np.array(rows).T
        known = np.isfinite(deviation)
        table[profile] = {
            "photographs": int(known.sum()),
            "rank correlation": round(float(rank_correlation(deviation[known], error[known])), 2),
        }
    return table


def rank_correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return Spearman's coefficient of two lists without ties."""
    ranks = [np.argsort(np.argsort(values)) for values in (one, other)]
    return float(np.corrcoef(*ranks)[0, 1])


def damage(photos: list[Picture]) -> dict[str, Any]:
    """Return how many photographs with drawn damage have lettering in the true mask, as the rule sees it."""
    threshold = next(rule.threshold for rule in RULES if rule.measurement == "lettering")
    found = []
    for number, photo in enumerate(photos):
        worn = age(photo, sample_recipe(number, WEAR_PROFILE), DefectLibrary.procedural())
        pixels = np.asarray(np.rint(np.clip(worn.aged, 0, 1) * 255), np.uint8)
        if worn.mask.any():
            mask = MemoryRaster(dilated(worn.mask, 1))
            found.append(measure_lettering(MemoryRaster(pixels), mask)["lettering"])
    return {"damaged": len(found), "flagged": float((np.array(found) >= threshold).mean())}


def cost(restorer: Restorer, photos: list[Picture]) -> dict[str, dict[str, float]]:
    """Return processor seconds of a restoration and the shares of it that measuring took, by megapixels."""
    assert restorer.translator is not None
    table = {}
    for side in SIDES:
        spent: dict[str, float] = dict.fromkeys(("restoration", "doubts", "lettering", "faces"), 0.0)
        for photo in photos:
            scale = side / max(photo.shape[:2])
            pixels = np.asarray(
                cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8
            )
            begun = time.process_time()
            result = restorer.restore(pixels)
            spent["restoration"] += time.process_time() - begun
            mask = MemoryRaster(dilated(result.defect_mask, restorer.settings.dilation))
            raster = MemoryRaster(pixels)
            for name, measure in {
                "doubts": lambda raster=raster, mask=mask: doubts(
                    restorer.translator, raster, mask, overview(raster)
                ),
                "lettering": lambda raster=raster, mask=mask: measure_lettering(raster, mask),
                "faces": lambda pixels=pixels, result=result: compare_faces(
                    restorer.enhancer.detector, pixels, result.image, result.faces
                ),
            }.items():
                begun = time.process_time()
                measure()
                spent[name] += time.process_time() - begun
        whole = spent.pop("restoration")
        shares = {f"{name} share": round(seconds / whole, 4) for name, seconds in spent.items()}
        table[f"{side} pixels"] = {"restoration seconds": round(whole / len(photos), 2), **shares}
    return table


if __name__ == "__main__":
    main()
