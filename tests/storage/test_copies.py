from __future__ import annotations

import io
from pathlib import Path

import pytest

from flows.bag import copy_verified
from oldphoto_core.errors import StorageError


class WornOut(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        raise OSError(5, "Input/output error")


def test_what_cannot_be_read_is_named_and_not_what_was_to_be_written(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"/scans/a\.tif cannot be read: Input/output error"):
        copy_verified(WornOut(), tmp_path / "copy", "/scans/a.tif", "0" * 64)


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "copy").touch()
    with pytest.raises(StorageError, match="copy cannot be written"):
        copy_verified(io.BytesIO(b"x"), tmp_path / "copy", "/scans/a.tif", "0" * 64)
