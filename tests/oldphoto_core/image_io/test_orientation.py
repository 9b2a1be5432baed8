from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image, ImageOps

from oldphoto_core.image_io import from_upright, to_upright
from tests.oldphoto_core.image_io.image_files import oriented_jpeg

_DTYPES = st.sampled_from([np.uint8, np.uint16, np.float32, np.bool_])
_SHAPES = st.one_of(
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(3)),
)
_ARRAYS: st.SearchStrategy[NDArray[Any]] = _DTYPES.flatmap(
    lambda dtype: hnp.arrays(dtype, _SHAPES, elements={"allow_nan": False} if dtype is np.float32 else None)
)


@given(pixels=_ARRAYS, orientation=st.integers(1, 8))
def test_from_upright_undoes_to_upright(pixels: NDArray[Any], orientation: int) -> None:
    back = from_upright(to_upright(pixels, orientation), orientation)
    assert back.dtype == pixels.dtype
    np.testing.assert_array_equal(back, pixels)


@given(pixels=_ARRAYS, orientation=st.integers(1, 8))
def test_to_upright_undoes_from_upright(pixels: NDArray[Any], orientation: int) -> None:
    np.testing.assert_array_equal(to_upright(from_upright(pixels, orientation), orientation), pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_is_what_pillow_takes_for_upright(orientation: int) -> None:
    with Image.open(io.BytesIO(oriented_jpeg(orientation))) as image:
        stored = np.asarray(image)
        expected = np.asarray(ImageOps.exif_transpose(image))
    upright = to_upright(stored, orientation)
    np.testing.assert_array_equal(upright, expected)
    assert upright.flags.c_contiguous


@pytest.mark.parametrize("orientation", [0, 9, -1])
def test_unknown_orientations_are_refused(orientation: int) -> None:
    with pytest.raises(ValueError, match="1 to 8"):
        to_upright(np.zeros((2, 2), np.uint8), orientation)
