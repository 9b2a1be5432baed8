"""Where the files of a package go: folders that are safe to name, and files that replace nothing."""

from __future__ import annotations

import re
from pathlib import Path

from actors.storage.base import check_key
from oldphoto_core.errors import StorageError


def collection_folder(name: str) -> str:
    """Return a folder's name for a collection, whatever its name holds."""
    return re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip("-.")[:80] or "collection"


def placed(root: Path, key: str) -> Path:
    """Return the path of a key below ``root``, and make its folder.

    Raises StorageError for a key that would lead elsewhere.
    """
    path = root / check_key(key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"{path.parent} cannot be made: {error.strerror}. Choose another place."
        ) from error
    return path


def write_new(path: Path, data: bytes) -> None:
    """Write a new file. Raises StorageError, also where there is one already."""
    try:
        with path.open("xb") as target:
            target.write(data)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror}. Export into a new folder."
        ) from error
