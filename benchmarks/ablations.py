"""What each part of the method is worth: the same short training with and without it, measured side by side.

    python -m benchmarks.ablations --out FOLDER                     # about an hour on two cores
    python -m benchmarks.ablations --out FOLDER --steps 20 --photos 2

Four sets of weights are trained from scratch with one seed and the same numbers of steps: the whole method, without
the partial nonlocal block, without the latent alignment of eq 3, and with plain autoencoders instead of VAEs. Then
`oldphoto evaluate` measures them on the validation photographs. What ``FOLDER`` holds already is
not trained again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.common import PHOTOS, report
from oldphoto_core.weights.cards import shipped

WHOLE = "whole"
VARIANTS: dict[str, dict[str, list[str]]] = {
    WHOLE: {},
    "no-nonlocal": {"mapping": ["--no-nonlocal"]},
    "no-alignment": {"vae-old": ["--no-alignment"]},
    "no-vae": {"vae-old": ["--no-variational"], "vae-clean": ["--no-variational"]},
}
"""Name → the switches of each of its trainings."""
_CODECS = ["--batch", "16", "--crop", "128", "--learning-rate", "5e-5"]
_MAPPING = ["--batch", "8", "--crop", "128", "--learning-rate", "1e-3", "--adversarial-from", "1"]


def main() -> None:
    """Train what is missing, evaluate, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=PHOTOS.parent)
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights")
    parser.add_argument("--steps", type=int, default=800, help="of each mapping; its autoencoders have half")
    parser.add_argument("--photos", type=int, default=60)
    given = parser.parse_args()
    for name, switches in VARIANTS.items():
        train(name, switches, given.data, given.out, given.steps)
    found = evaluated(given.data, given.out, given.photos)
    report("ablations", {"mapping_steps": given.steps, "photos": given.photos, **found})


def train(name: str, switches: dict[str, list[str]], data: Path, out: Path, steps: int) -> None:
    """Train the three networks of one set; a network that does not differ from the whole method's is shared."""
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    old, clean = folder / "vae-old.safetensors", folder / "vae-clean.safetensors"
    # Without its discriminators from the middle on, a run is the same with and without alignment.
    joined = ["--adversarial-from", "0.5"]
    starts = ["--vae-old", str(old)]
    if name != WHOLE and not (switches.keys() & {"vae-old", "vae-clean"}):
        for path in (old, clean):
            for ending in (".safetensors", ".json"):
                path.with_suffix(ending).write_bytes(
                    (out / WHOLE / path.name).with_suffix(ending).read_bytes()
                )
    else:
        half = str(max(1, steps // 2))
        _train("vae-old", data, old, [*_CODECS, *joined, "--steps", half, *switches.get("vae-old", [])])
        _train("vae-clean", data, clean, [*_CODECS, *starts, "--steps", half, *switches.get("vae-clean", [])])
    between = [*starts, "--vae-clean", str(clean), "--steps", str(steps)]
    _train(
        "mapping", data, folder / "mapping.safetensors", [*_MAPPING, *between, *switches.get("mapping", [])]
    )


def evaluated(data: Path, out: Path, photos: int) -> dict[str, Any]:
    """Return what `oldphoto evaluate` says of the whole method (``ours``) and each ablation."""
    for name in VARIANTS:
        for ending in (".safetensors", ".json"):
            # One detector for all: what is compared is the translation.
            found = shipped("compact", "detector").with_suffix(ending)
            (out / name / found.name).write_bytes(found.read_bytes())
    options = ["--split", "validation", "--limit", str(photos), "--weights", str(out / WHOLE), "--json"]
    for name in VARIANTS:
        if name != WHOLE:
            options += ["--ablation", f"{name}={out / name}"]
    done = _oldphoto("evaluate", str(data / "clean"), *options, stdout=subprocess.PIPE)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _train(network: str, data: Path, out: Path, options: list[str]) -> None:
    # A training that was cut short leaves weights too: its checkpoint goes on where it stopped.
    _oldphoto("train", network, "--data", str(data), "--out", str(out), "--resume", *options)


def _oldphoto(*arguments: str, stdout: int | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        cwd=Path(__file__).parents[1],
        stdout=stdout,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"oldphoto {arguments[0]} ended with {done.returncode}")
    return done


if __name__ == "__main__":
    main()
