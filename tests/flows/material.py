"""Real files for the tests: small aged photographs, broken ones, and weights of untrained networks."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ImageCms

from oldphoto_core.models.build import build
from oldphoto_core.weights.store import save_weights


def aged_photo(seed: int, width: int = 96, height: int = 72) -> NDArray[np.uint8]:
    """Return an ``H×W×3`` picture of a few shapes, yellowed, grainy and scratched."""
    random = np.random.default_rng(seed)
    ramp = np.linspace(60, 190, width, dtype=np.float32)
    picture = np.repeat(np.repeat(ramp[None, :, None], height, axis=0), 3, axis=2)
    for _ in range(4):
        centre = (int(random.integers(0, width)), int(random.integers(0, height)))
        cv2.circle(picture, centre, int(random.integers(6, 18)), (float(random.integers(20, 235)),) * 3, -1)
    tint = np.array((0.75, 0.9, 1.0), dtype=np.float32)
    picture = picture * tint + random.normal(0, 6, picture.shape).astype(np.float32)
    for _ in range(3):
        x = int(random.integers(0, width))
        cv2.line(picture, (x, 0), (x + int(random.integers(-9, 9)), height), (250.0, 250.0, 250.0), 1)
    return np.clip(picture, 0, 255).astype(np.uint8)


def exchanged_profile() -> bytes:
    """Return an RGB colour profile in which red and blue have changed places: red samples look blue."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    size = 128 + 4 + 12 * int.from_bytes(data[128:132], "big")
    names = {b"rXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}
    entries = [data[at : at + 12] for at in range(132, size, 12)]
    table = b"".join(names.get(entry[:4], entry[:4]) + entry[4:] for entry in entries)
    return data[:132] + table + data[size:]


def write_photos(folder: Path, number: int, *, width: int = 96, height: int = 72) -> list[Path]:
    """Write aged photographs as PNG and JPEG in turn, some of them in a subfolder."""
    paths = []
    for index in range(number):
        place = folder / "album" if index % 3 == 2 else folder
        place.mkdir(parents=True, exist_ok=True)
        path = place / f"photo-{index:03d}{'.jpg' if index % 2 else '.png'}"
        assert cv2.imwrite(str(path), aged_photo(index, width, height))
        paths.append(path)
    return paths


def write_broken(folder: Path) -> list[Path]:
    """Write one file that is no picture and one picture that breaks off in the middle."""
    folder.mkdir(parents=True, exist_ok=True)
    text, half = folder / "broken-text.jpg", folder / "broken-half.png"
    text.write_text("this was never a photograph\n", encoding="utf-8")
    done, data = cv2.imencode(".png", aged_photo(99))
    assert done
    half.write_bytes(data.tobytes()[: len(data) // 2])
    return [half, text]


def write_weights(folder: Path, *, brighter: float = 0.08) -> Path:
    """Write weights of untrained ``compact`` networks, made so that photos come out sharper and a little brighter.

    Untrained, they change nothing at all, and every photo would be skipped as needing nothing; brightness alone is a
    tone, and tones are left as they are. There are none for faces: that stage stays off.
    """
    torch.manual_seed(0)
    for name in ("detector", "vae-old", "vae-clean", "mapping"):
        network = build(name, "compact")
        if name == "vae-clean":
            with torch.no_grad():
                network.get_parameter("generator.to_full.bias").fill_(brighter)
                finest = network.get_parameter("generator.to_full.weight")
                # Of each colour the first of four inputs is the mean, the others are the finest wavelet bands.
                finest[[n for n in range(12) if n % 4]] *= 1 + 10 * brighter
        card = {"name": f"untrained-{name}", "version": "0", "licence": "Apache-2.0"}
        save_weights(network, folder / f"{name}.safetensors", card)
    return folder


def fingerprints(folder: Path) -> dict[str, tuple[str, int]]:
    """Return SHA-256 and modification time (ns) of every file below a folder, by relative path."""
    return {
        path.relative_to(folder).as_posix(): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime_ns,
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
