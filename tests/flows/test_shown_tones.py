"""Law: access copies and previews show the tones that a file states, and else the very samples."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from flows.iiif_tree import IiifPackage
from flows.previews import PreviewMaker
from oldphoto_core.image_io import encode_jpeg_preview
from storage import Anywhere, FolderStore
from tests.colour_profiles import grey_profile, linear_profile
from tests.flows.packages.exporting import BASE, dossier_of
from tests.oldphoto_core.image_io.image_files import (
    SRGB,
    deep_png,
    png_with,
    ramp,
    through_pillow,
    through_tifffile,
)

SIDE = 64
WANTED = np.arange(16, 240, 7, dtype=np.uint8).repeat(3)[None].repeat(40, 0)
"""What a screen is to show: a staircase of greys."""


def access_copy(tmp_path: Path, name: str, data: bytes) -> bytes:
    (tmp_path / name).write_bytes(data)
    package = IiifPackage(tmp_path / "iiif", Anywhere(), BASE, SIDE)
    assert package.add(dossier_of(tmp_path / name)) is None
    (copy,) = (tmp_path / "iiif").glob("*/original/*.jpg")
    assert next((tmp_path / "iiif").glob("*/restored/*.jpg")).read_bytes() == copy.read_bytes()
    return copy.read_bytes()


def preview(tmp_path: Path, name: str, data: bytes) -> bytes:
    (tmp_path / name).write_bytes(data)
    store = FolderStore(tmp_path)
    made = PreviewMaker(store, store).make(name, pixels=1 << 20)
    assert made.before is not None, made.reason
    return base64.b64decode(made.before.data_uri.partition(",")[2])


def linear(dtype: Any, channels: int) -> NDArray[Any]:
    """The staircase as light, in samples of this type."""
    shown = WANTED / 255
    light = np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)
    samples: NDArray[Any] = np.rint(light * np.iinfo(dtype).max).astype(dtype)
    return samples if channels == 1 else np.repeat(samples[..., None], 3, axis=2)


GAMMA = (b"gAMA", (100_000).to_bytes(4, "big"))
FILES: dict[str, tuple[str, bytes]] = {
    "grey with a profile": (
        "a.jpg",
        through_pillow(linear(np.uint8, 1), "JPEG", quality=100, icc_profile=grey_profile()),
    ),
    "deep grey with a profile": ("a.tif", through_tifffile(linear(np.uint16, 1), iccprofile=grey_profile())),
    "deep colours with a profile": (
        "a.tif",
        through_tifffile(linear(np.uint16, 3), photometric="rgb", iccprofile=linear_profile()),
    ),
    "a PNG's gamma": ("a.png", png_with(through_pillow(linear(np.uint8, 3), "PNG"), GAMMA)),
    "a grey PNG's gamma": ("a.png", png_with(through_pillow(linear(np.uint8, 1), "PNG"), GAMMA)),
    "a deep PNG's gamma": ("a.png", png_with(deep_png(linear(np.uint16, 1)), GAMMA)),
}


@pytest.mark.parametrize("way", [access_copy, preview])
@pytest.mark.parametrize("name", FILES)
def test_linear_light_looks_as_it_is_meant(name: str, way: Any, tmp_path: Path) -> None:
    with Image.open(io.BytesIO(way(tmp_path, *FILES[name]))) as opened:
        shown = np.asarray(opened.convert("L")).astype(int)
    wanted = cv2.resize(WANTED, shown.shape[::-1], interpolation=cv2.INTER_AREA)
    # Eight bits of light have few dark tones, and both ways use JPEG.
    assert np.abs(shown - wanted).mean() < 4
    assert shown.mean() > wanted.mean() - 2


@pytest.mark.parametrize("way", [access_copy, preview])
def test_dark_tones_of_16_bits_stay_apart(way: Any, tmp_path: Path) -> None:
    """Rounded before they are converted, all up to 6 of these would be 0, and those up to 18 be 13."""
    tones = np.arange(2, 34, 4)
    pixels = np.rint(tones / 255 / 12.92 * 65535).astype(np.uint16)
    pixels[tones > 10] = np.rint(((tones[tones > 10] / 255 + 0.055) / 1.055) ** 2.4 * 65535)
    bars = np.repeat(pixels.repeat(8)[None, :, None], 3, axis=2).repeat(40, 0)
    data = through_tifffile(bars, photometric="rgb", iccprofile=linear_profile())
    with Image.open(io.BytesIO(way(tmp_path, "a.tif", data))) as opened:
        shown = np.asarray(opened.convert("L")).astype(int)
    assert np.abs(shown[20, 4::8] - tones).max() <= 1


@pytest.mark.parametrize("profile", [None, SRGB])
def test_access_copies_of_srgb_stay_what_they_were(profile: bytes | None, tmp_path: Path) -> None:
    """Byte for byte: 16 bits are cut to 8 in them."""
    pixels = ramp(90, 140, dtype=np.uint16)
    data = through_tifffile(pixels, photometric="rgb", iccprofile=profile)
    small = cv2.resize(pixels, (SIDE, 41), interpolation=cv2.INTER_AREA) >> 8
    assert access_copy(tmp_path, "a.tif", data) == encode_jpeg_preview(small.astype(np.uint8), SIDE)
