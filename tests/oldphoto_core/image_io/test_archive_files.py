"""The reader against odd and damaged files from other projects' test suites."""

from __future__ import annotations

from pathlib import Path

import pytest

from oldphoto_core.errors import PhotoError, UnreadablePhotoError, UnsupportedPhotoError
from oldphoto_core.image_io import DecodeLimits, decode

_FILES = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "files"
_LIMITS = DecodeLimits(max_pixels=100_000_000, max_bytes=1_000_000_000)

# Valid by their index, and refused for a reason that was looked into.
_UNSUPPORTED = {
    "pillow-0023.pfm": "floating-point",
    "pillow-0024.tiff": "float32",
    "pillow-0025.tiff": "int32",
    "twelvemonkeys-0001.bmp": "16 colours in run lengths",
}
_DAMAGED = {
    "metadataextractor-0002.jpg": "restart markers",  # fuzzed: 613 bytes that declare six megapixels
    "metadataextractor-0007.tif": "beyond the end",  # fuzzed: tifffile fills the picture with zeros
    "metadataextractor-0008.tif": "missing",  # fuzzed: the same for 111 of 112 strips
}


def _names(folder: str) -> list[str]:
    return sorted(path.name for path in (_FILES / folder).glob("*")) or ["absent"]


def _data(folder: str, name: str) -> bytes:
    path = _FILES / folder / name
    if not path.is_file():
        pytest.skip("the folder shared/data/files is not beside this repository")
    return path.read_bytes()


@pytest.mark.parametrize("name", _names("valid"))
def test_a_valid_file_decodes_or_is_refused_for_a_known_reason(name: str) -> None:
    data = _data("valid", name)
    if name in _UNSUPPORTED:
        with pytest.raises(UnsupportedPhotoError, match=_UNSUPPORTED[name]):
            decode(data, key=name, limits=_LIMITS)
    elif name in _DAMAGED:
        with pytest.raises(UnreadablePhotoError, match=_DAMAGED[name]):
            decode(data, key=name, limits=_LIMITS)
    else:
        photo = decode(data, key=name, limits=_LIMITS)
        assert photo.pixels.shape[:2] == (photo.header.height, photo.header.width)


@pytest.mark.parametrize("name", _names("broken"))
def test_a_broken_file_is_refused_with_words(name: str) -> None:
    data = _data("broken", name)
    with pytest.raises(PhotoError) as caught:
        decode(data, key=name, limits=_LIMITS)
    assert caught.value.key == name
    assert len(caught.value.problem) > 10
    assert len(caught.value.remedy) > 10
