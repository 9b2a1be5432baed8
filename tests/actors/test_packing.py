"""Arrays cross between workers bit for bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from numpy.typing import NDArray

from actors.packing import ARRAYS, pack, unpack
from actors.rows import InputRow, PhotoRow
from oldphoto_core.photo import Outcome, PhotoHeader

ROW = InputRow(7, "box/ä.tif", "/scans/box/ä.tif", "0" * 64, "recipes/1/", "box/ä")
SHAPES = st_numpy.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=9)
PIXELS = st.sampled_from([np.uint8, np.uint16]).flatmap(
    lambda dtype: st_numpy.arrays(dtype, st.one_of(SHAPES, SHAPES.map(lambda shape: (*shape, 3))))
)


@settings(max_examples=60, deadline=None)
@given(
    original=PIXELS, mask=st_numpy.arrays(np.bool_, SHAPES), probability=st_numpy.arrays(np.float32, SHAPES)
)
def test_unpacking_undoes_packing(
    original: NDArray[np.uint8], mask: NDArray[np.bool_], probability: NDArray[np.float32]
) -> None:
    photo = PhotoRow(ROW, original=original, mask=mask, probability=probability, warnings=("odd",))
    found = unpack(pack(photo))
    for name in ("original", "mask", "probability"):
        before, after = getattr(photo, name), getattr(found, name)
        assert (before.dtype, before.shape, before.tobytes()) == (after.dtype, after.shape, after.tobytes())
        assert after.flags.writeable
    assert found.without_pixels() == photo.without_pixels()
    assert found.restored is None


def test_what_is_packed_is_plain_columns_for_arrow() -> None:
    packed = pack(PhotoRow(ROW, original=np.zeros((3, 2, 3), np.uint16)))
    assert packed["original"].dtype == np.uint8
    assert packed["original"].ndim == 1
    table = pa.table({name: [value] for name, value in packed.items()})
    assert set(map(str, table.schema.types)) == {"binary", "list<item: uint8>", "string"}


def test_a_view_that_is_not_contiguous_is_packed_too() -> None:
    turned = np.arange(24, dtype=np.uint16).reshape(4, 6)[::-1, ::2]
    found = unpack(pack(PhotoRow(ROW, original=turned)))
    assert found.original is not None
    assert np.array_equal(found.original, turned)


def test_a_settled_photo_is_small() -> None:
    header = PhotoHeader("TIFF", 4000, 3000, 8, 3, "RGB")
    photo = replace(PhotoRow(ROW, header=header), **{name: np.zeros((99, 99), np.uint8) for name in ARRAYS})
    settled = photo.settle(Outcome.FAILED, reason="why", error_class="X")
    assert sum(len(value) for value in pack(settled).values()) < 4000
    assert unpack(pack(settled)) == settled


def test_a_stage_that_comes_too_early_is_told() -> None:
    with pytest.raises(ValueError, match="detect stage has not run"):
        _ = PhotoRow(ROW).detection
    with pytest.raises(ValueError, match="read stage has not run"):
        _ = replace(PhotoRow(ROW), header=None).upright
