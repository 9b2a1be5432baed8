"""A copy is the recorded bytes, and what prevents it is told from what cannot be read."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest

from oldphoto_core.errors import FixityError, StorageError
from storage import FolderStore
from storage.copies import copy_verified

DIGEST = hashlib.sha256(b"recorded").hexdigest()


def test_a_copy_is_the_recorded_bytes(tmp_path: Path) -> None:
    copy_verified(io.BytesIO(b"recorded"), tmp_path / "copy", "/scans/a.tif", DIGEST)
    assert (tmp_path / "copy").read_bytes() == b"recorded"
    with pytest.raises(FixityError, match=r"/scans/a\.tif"):
        copy_verified(io.BytesIO(b"others"), tmp_path / "others", "/scans/a.tif", DIGEST)


def test_what_cannot_be_read_is_named_and_not_what_was_to_be_written(tmp_path: Path) -> None:
    """Nothing lies at the beginning of a process's memory."""
    with (
        FolderStore("/proc/self").open("mem") as stream,
        pytest.raises(StorageError, match="mem cannot be read"),
    ):
        copy_verified(stream, tmp_path / "copy", "/scans/a.tif", DIGEST)


def test_nothing_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "copy").touch()
    with pytest.raises(FileExistsError):
        copy_verified(io.BytesIO(b"recorded"), tmp_path / "copy", "/scans/a.tif", DIGEST)
