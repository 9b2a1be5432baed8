from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from flows.previews import MASK_COLOUR, MAX_SIDE, PreviewMaker, highlight, shrink
from oldphoto_core.image_io import encode_mask
from storage import FolderStore
from tests.flows.material import aged_photo, exchanged_profile


@pytest.mark.parametrize("shape", [(40, 60), (40, 60, 3), (3000, 20), (900, 1200, 3)])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_a_small_copy_keeps_the_shape_of_the_picture(shape: tuple[int, ...], depth: type) -> None:
    full = np.iinfo(depth).max
    small = shrink(np.full(shape, full, dtype=depth))
    assert small.dtype == np.uint8
    assert small.shape[2] == 3
    assert max(small.shape[:2]) == min(MAX_SIDE, max(shape[:2]))
    assert small.min() == 255


def test_a_scratch_of_one_pixel_is_still_seen() -> None:
    mask = np.zeros((4000, 4000), dtype=bool)
    mask[:, 1234] = True
    shown = highlight(shrink(np.full((4000, 4000, 3), 128, dtype=np.uint8)), mask)
    coloured = (shown == MASK_COLOUR).all(axis=2)
    assert coloured.any(axis=1).all()
    assert coloured.sum() <= 2 * MAX_SIDE


def test_without_damage_nothing_is_coloured() -> None:
    shown = highlight(np.full((20, 30, 3), 90, dtype=np.uint8), np.zeros((20, 30), dtype=bool))
    assert (shown == shown[0, 0]).all()


def test_colours_are_those_of_the_profile(tmp_path: Path) -> None:
    red = Image.new("RGB", (40, 30), (200, 40, 40))
    red.save(tmp_path / "a.png", icc_profile=exchanged_profile())
    store = FolderStore(tmp_path)
    made = PreviewMaker(store, store).make("a.png", pixels=1200)
    assert made.before is not None
    data = base64.b64decode(made.before.data_uri.partition(",")[2])
    with Image.open(io.BytesIO(data)) as shown:
        left, _, right = np.asarray(shown)[15, 20].tolist()
    assert right > left + 100, "red samples of such a file are blue"


def test_a_turned_photo_is_shown_upright_with_its_mask(tmp_path: Path) -> None:
    upright = aged_photo(1, width=60, height=40)
    stored = np.ascontiguousarray(np.rot90(upright))
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(stored[..., ::-1]).save(tmp_path / "turned.png", exif=exif)
    mask = np.zeros(upright.shape[:2], dtype=bool)
    mask[:, :30] = True
    (tmp_path / "mask.png").write_bytes(encode_mask(np.ascontiguousarray(np.rot90(mask))))
    store = FolderStore(tmp_path)
    made = PreviewMaker(store, store).make("turned.png", pixels=2400, mask="mask.png")
    assert made.before is not None
    assert made.damage is not None
    assert (made.before.width, made.before.height) == (60, 40)
    data = base64.b64decode(made.damage.data_uri.partition(",")[2])
    left, right = np.split(np.asarray(Image.open(io.BytesIO(data))).astype(int), 2, axis=1)
    assert (left[..., 0] - left[..., 2]).mean() > 100
    assert abs(right[..., 0] - right[..., 2]).mean() < 20


def test_a_scan_is_not_shown_beside_what_another_became(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), aged_photo(1))
    digest = sha256((tmp_path / "a.png").read_bytes()).hexdigest()
    store = FolderStore(tmp_path)
    assert PreviewMaker(store, store).make("a.png", pixels=100, sha256=digest).before is not None
    cv2.imwrite(str(tmp_path / "a.png"), aged_photo(2))
    made = PreviewMaker(store, store).make("a.png", pixels=100, sha256=digest)
    assert made.before is None
    assert "replaced" in (made.reason or "")


def test_a_disk_that_fails_costs_a_picture_and_no_report(tmp_path: Path) -> None:
    class WornOut(FolderStore):
        @contextmanager
        def located(self, key: str) -> Iterator[Path]:
            # The first byte of a process's memory gives EIO, as a worn-out disk does.
            yield Path("/proc/self/mem")

    store = WornOut(tmp_path)
    made = PreviewMaker(store, store).make("a.tif", pixels=100)
    assert made.reason is not None
    assert made.reason.startswith("No picture")


def test_the_budget_of_pixels_is_kept(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), aged_photo(1))
    store = FolderStore(tmp_path)
    maker = PreviewMaker(store, store, pixel_budget=7000)
    assert maker.make("a.png", pixels=6912).before is not None
    second = maker.make("a.png", pixels=6912)
    assert second.before is None
    assert second.reason


def test_a_large_scan_is_shown_with_its_thinnest_scratch(tmp_path: Path) -> None:
    """Decoded by parts and reduced: the scratch of one pixel is still coloured."""
    tifffile.imwrite(tmp_path / "a.tif", np.full((2600, 4000), 30_000, np.uint16), rowsperstrip=64)
    mask = np.zeros((2600, 4000), dtype=bool)
    mask[1300, 1000:3000] = True
    (tmp_path / "mask.png").write_bytes(encode_mask(mask))
    store = FolderStore(tmp_path)
    made = PreviewMaker(store, store).make("a.tif", pixels=mask.size, mask="mask.png")
    assert made.before is not None
    assert made.before.width == MAX_SIDE
    assert made.damage is not None


def test_a_photo_that_is_gone_has_no_picture_but_a_reason(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    made = PreviewMaker(store, store).make("gone.png", pixels=1)
    assert made.before is None
    assert "gone.png" in str(made.reason)
