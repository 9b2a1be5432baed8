"""A drawn mask is the one that was recorded, the right way up, and takes the place of what would be detected."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from flows.given_mask import REDONE, RedoRestorer, read_mask
from oldphoto_core.errors import FixityError, PhotoError, StorageError, UsageError
from oldphoto_core.fixity import sha256_bytes
from oldphoto_core.image_io import from_upright
from oldphoto_core.photo import Tier
from oldphoto_core.raster import InMemory, MemoryRaster, whole
from oldphoto_core.restore import load_restorer
from schemas.review_records import MaskEditRecord
from storage import FolderStore
from tests.actors.median_restorer import MedianRestorer
from tests.actors.photos import scratched


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


def saved(store: FolderStore, data: bytes, **more: str) -> MaskEditRecord:
    (store.root / "a.edit.png").write_bytes(data)
    facts = {"sha256": sha256_bytes(data), "uri": store.uri_of("a.edit.png"), **more}
    return MaskEditRecord(1, 1, facts["sha256"], facts["uri"], "ada", datetime(2024, 5, 31, tzinfo=UTC))


def png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


@pytest.mark.parametrize("orientation", [1, 6])
def test_it_is_read_upright_and_what_is_bright_is_repaired(store: FolderStore, orientation: int) -> None:
    upright = np.zeros((30, 40), np.uint8)
    upright[3, 5], upright[10, 20], upright[20, 10] = 255, 128, 127
    stored = png(np.ascontiguousarray(from_upright(upright, orientation)))
    mask = read_mask(store, saved(store, stored), orientation)
    assert (mask.dtype, mask.shape) == (np.dtype(bool), (30, 40))
    assert np.argwhere(mask).tolist() == [[3, 5], [10, 20]]
    coloured = cv2.cvtColor(np.where(upright > 127, 255, 0).astype(np.uint8), cv2.COLOR_GRAY2BGR)
    assert np.array_equal(read_mask(store, saved(store, png(coloured)), 1), mask)


def test_only_the_recorded_bytes_of_this_destination_are_taken(store: FolderStore) -> None:
    data = png(np.zeros((3, 4), np.uint8))
    with pytest.raises(FixityError, match=r"a\.edit\.png"):
        read_mask(store, saved(store, data, sha256="0" * 64), 1)
    for elsewhere in (f"{store.uri}-2/a.edit.png", "s3://bucket/a.edit.png"):
        with pytest.raises(StorageError, match="lies outside"):
            read_mask(store, saved(store, data, uri=elsewhere), 1)
    with pytest.raises(PhotoError):
        read_mask(store, saved(store, b"no picture"), 1)


def test_it_takes_the_place_of_what_would_be_detected() -> None:
    pixels, mask = scratched(), np.zeros((40, 56), bool)
    mask[30:33, 2:9] = True
    redo = RedoRestorer(MedianRestorer(), mask)
    found = redo.detect(pixels)
    assert np.array_equal(found.mask, mask)
    assert np.array_equal(found.probability, mask.astype(np.float32))
    with pytest.raises(UsageError, match="The mask is 56 × 40, the photo 56 × 39"):
        redo.detect(pixels[1:])
    again = RedoRestorer(MedianRestorer()).detect(pixels)
    assert np.array_equal(again.mask, MedianRestorer().detect(pixels).mask), "without one it looks for damage"


def test_all_else_is_the_restorers_own_and_the_photo_comes_back_to_the_desk() -> None:
    pixels, inner = scratched(), MedianRestorer()
    mask = inner.detect(pixels).mask
    redo, found = RedoRestorer(inner, mask), inner.detect(pixels)
    assert redo.available_tiers == inner.available_tiers
    made, expected = redo.translate(pixels, found), inner.translate(pixels, found)
    assert np.array_equal(made.restored, expected.restored)
    assert redo.translate(pixels, found, fill_only=True).measurements["mean_change"] == 0
    for refine in (True, False):
        faces = [one.enhance(pixels, pixels, refine=refine)[1] for one in (redo, inner)]
        assert faces[0] == faces[1]
    measured = {"mask_share": 0.5}
    assert redo.assess(measured, needed=True) == (*inner.assess(measured, needed=True), REDONE)


def test_a_photo_that_is_too_large_for_memory_gets_it_too(weights: Path) -> None:
    pixels, mask = scratched(), np.zeros((40, 56), bool)
    mask[30:33, 2:9] = True
    redo = RedoRestorer(load_restorer(device="cpu", weights=weights), mask)
    found = redo.restore_scan(MemoryRaster(pixels), InMemory(), frozenset({Tier.CONSERVED}))
    assert np.array_equal(whole(found.mask), mask)
    assert found.flags[-1] == REDONE
