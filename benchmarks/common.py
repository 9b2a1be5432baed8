"""What the benchmarks share: where results go, what machine this is, and photographs to work on."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image

RESULTS = Path(__file__).parent / "results"
PHOTOS = Path(__file__).parents[2] / "shared" / "data" / "old"
"""Real photographs; every benchmark that uses them takes another folder by ``--photos``."""
LOAD_BEFORE = os.getloadavg()[0]
"""Read as a benchmark begins: in the end it is the benchmark's own."""
_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff"}


def report(name: str, figures: Mapping[str, Any], out: Path = RESULTS) -> Path:
    """Print ``figures``, and write them with the machine's description to ``<out>/<name>.json``."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{name}.json"
    document = {"benchmark": name, "machine": machine(), **figures}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))
    print(f"written to {path}", file=sys.stderr)
    return path


def plot(
    name: str,
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    x: str,
    y: str,
    out: Path = RESULTS,
    bars: bool = False,
) -> None:
    """Draw ``series`` (label → xs, ys) to ``<out>/<name>.png``; without matplotlib only say so."""
    try:
        import matplotlib
    except ImportError:
        print("no plot: pip install 'oldphoto[dev]' has matplotlib", file=sys.stderr)
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 4))
    for label, (xs, ys) in series.items():
        if bars:
            axes.bar([str(value) for value in xs], ys, label=label)
        else:
            axes.plot(xs, ys, marker="o", label=label)
    axes.set(xlabel=x, ylabel=y)
    axes.set_ylim(bottom=0)
    axes.legend()
    figure.tight_layout()
    figure.savefig(out / f"{name}.png", dpi=120)


def machine() -> dict[str, Any]:
    """Return what a reader needs to judge figures: processor, cores, versions, load, date."""
    import torch

    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "load_before": LOAD_BEFORE,
        "date": datetime.now(UTC).date().isoformat(),
    }


def lay_out(photos: Path, folder: Path, number: int, side: int | None = None) -> Path:
    """Fill ``folder`` with ``number`` photographs, copied in turn under names of their own.

    With a ``side`` they are reduced to at most so many pixels a side, as JPEG.
    """
    found = sorted(path for path in photos.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not found:
        sys.exit(f"{photos} holds no photographs. Name a folder that does: --photos FOLDER.")
    folder.mkdir(parents=True)
    for turn in range(number):
        path = found[turn % len(found)]
        name = f"{turn // len(found):03d}-{path.name}"
        if side is None:
            shutil.copyfile(path, folder / name)
            continue
        with Image.open(path) as photo:
            photo.thumbnail((side, side))
            photo.convert("RGB").save((folder / name).with_suffix(".jpg"), quality=90)
    return folder


def python(*arguments: str, threads: int | None = None, **environment: str) -> dict[str, Any]:
    """Run ``python -m …`` from the project's folder and return the JSON object that it prints last."""
    settings = {**os.environ, **environment}
    if threads is not None:
        settings["OMP_NUM_THREADS"] = str(threads)
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=Path(__file__).parents[1],
        env=settings,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 3):
        sys.exit(f"{' '.join(arguments)} ended with {done.returncode}")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")
