"""Where the files of a package go: a folder that gets them whole or not at all, and names that are safe."""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from oldphoto_core.errors import StorageError
from oldphoto_core.fixity import sha256_bytes
from schemas.rows import FileRow
from storage import Anywhere
from storage.base import check_key
from storage.copies import copy_verified

PART = ".oldphoto-export.part"
"""What is being built, inside of the destination: so that it is on the same disk."""


@contextmanager
def under_construction(destination: Path) -> Iterator[Path]:
    """Give a folder to build in, whose content moves to ``destination`` in the end; else nothing is left.

    Raises StorageError where one of the two cannot be made.
    """
    is_new, part = not destination.exists(), destination / PART
    # What a killed export left behind.
    shutil.rmtree(part, ignore_errors=True)
    try:
        with _making(destination):
            part.mkdir(parents=True)
        yield part
        with _making(destination):
            for path in sorted(part.iterdir()):
                path.rename(destination / path.name)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if is_new:
            # Only an empty folder can be removed: one with a finished package stays.
            with suppress(OSError):
                destination.rmdir()


@contextmanager
def _making(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path} cannot be made: {error.strerror}. Choose another place.") from error


def is_free(destination: Path) -> bool:
    """Return whether nothing is at ``destination``, or an empty folder. Raises StorageError."""
    with _making(destination):
        if not destination.exists():
            return True
        return destination.is_dir() and all(path.name == PART for path in destination.iterdir())


def collection_folder(name: str) -> str:
    """Return a folder's name for a collection, whatever its name holds; different names have different folders."""
    plain = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip("-.")
    if plain == name and 0 < len(plain) <= 80:
        return plain
    return f"{plain[:71] or 'collection'}-{_mark(name)}"


def _mark(name: str) -> str:
    """Return what tells an altered name from all others."""
    return sha256_bytes(name.encode("utf-8"))[:8]


def bag_path(path: str, taken: set[str]) -> str:
    """Return a path as every reader of bags understands it, and add it to those that are ``taken``.

    Names that a manifest has to write in another way (line ends, what looks like an encoded one, white space at
    the end) are read back differently by different programs; so are two that differ only in how letters are
    composed. They are altered.
    """
    plain = "/".join(map(_bag_name, path.split("/")))
    if unicodedata.normalize("NFC", plain) in taken:
        folder, slash, name = plain.rpartition("/")
        plain = folder + slash + _marked(name, name)
    taken.add(unicodedata.normalize("NFC", plain))
    return plain


def _bag_name(name: str) -> str:
    plain = re.sub(r"%(?=0[AaDd]|25)|[\x00-\x1f\x7f-\x9f\u2028\u2029]", "-", name.rstrip())
    return name if plain == name else _marked(plain, name)


def _marked(plain: str, name: str) -> str:
    """Return a name that no other becomes; files of one photo that differ in their suffixes stay alike."""
    found = re.search(r"\.[A-Za-z0-9]{1,8}\Z", plain)
    suffix = found[0] if found else ""
    return f"{plain.removesuffix(suffix)}-{_mark(name.removesuffix(suffix))}{suffix}"


def missing(source: Anywhere, files: Iterable[FileRow | None]) -> str | None:
    """Return which of a photo's files is not there any more, in words, or None. Raises StorageError."""
    for file in files:
        if file is not None and not source.exists(file["uri"]):
            return f"{file['uri']} is not there any more; put it back and export again"
    return None


def placed(root: Path, key: str) -> Path:
    """Return the path of a key below ``root``, and make its folder.

    Raises StorageError for a key that would lead elsewhere.
    """
    path = root / check_key(key)
    with _making(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    return path


def write_new(path: Path, data: bytes) -> None:
    """Write a new file. Raises StorageError, also where there is one already."""
    try:
        with path.open("xb") as target:
            target.write(data)
    except OSError as error:
        raise _unwritable(path, error) from error


def copy_new(source: Anywhere, file: FileRow, path: Path) -> None:
    """Copy a file to a new one. Raises FixityError unless it has the recorded digest; StorageError."""
    try:
        with source.open(file["uri"]) as stream:
            copy_verified(stream, path, file["uri"], file["sha256"])
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> StorageError:
    """Return the error of a file that cannot be written."""
    return StorageError(
        f"{path} cannot be written: {error.strerror}. Make room, or export into a new folder elsewhere."
    )
