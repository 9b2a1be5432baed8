"""Where the files of a package go: a folder that gets them whole or not at all, and names that are safe."""

from __future__ import annotations

import os
import re
import shutil
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from oldphoto_core.errors import StorageError, UsageError
from oldphoto_core.fixity import sha256_bytes
from schemas.rows import FileRow
from storage import Anywhere
from storage.base import check_key
from storage.copies import copy_verified
from storage.new_files import is_abandoned, is_partial, partial_name


@contextmanager
def under_construction(destination: Path) -> Iterator[Path]:
    """Give a folder to build in, whose content moves to ``destination`` in the end; else nothing is left.

    It lies inside of the destination, to be on the same disk, and is called after its writer.

    Raises:
        UsageError: the destination is not free.
        StorageError: one of the two folders cannot be made, or something was put into the destination meanwhile.
    """
    is_new, part = not destination.exists(), destination / partial_name()
    try:
        with _making(destination):
            part.mkdir(parents=True)
        # Not before: of two that begin at the same moment the later one sees the earlier, or each the other.
        check_free(destination, besides=part)
        _sweep(destination, besides=part)
        yield part
        if not is_free(destination):
            raise StorageError(
                f"Files were put into {destination} meanwhile; they were left alone. Export into a new folder."
            )
        with _making(destination):
            _move(part, destination)
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


def _move(part: Path, destination: Path) -> None:
    """Move all that is in ``part``, or nothing, also when it is interrupted. Raises OSError."""
    begun: list[Path] = []
    try:
        for path in sorted(part.iterdir()):
            begun.append(path)
            path.rename(destination / path.name)
    except BaseException:
        for path in begun:
            # The last one may not have been moved: then what has its name there is somebody else's.
            if not path.exists():
                with suppress(OSError):
                    (destination / path.name).rename(path)
        raise


def is_free(destination: Path) -> bool:
    """Return whether nothing is at ``destination``, or an empty folder, or what is being written or was left.

    Raises StorageError.
    """
    with _making(destination):
        if not destination.exists():
            return True
        return destination.is_dir() and all(map(is_partial, destination.iterdir()))


def check_free(destination: Path, besides: Path | None = None) -> None:
    """Say that a package cannot go to ``destination``, where somebody else's files are or are being written.

    Raises UsageError, StorageError.
    """
    if not is_free(destination):
        raise UsageError(f"{destination} is there already and not empty. Export into a new folder.")
    for path in _partials(destination, besides):
        if not is_abandoned(path):
            raise UsageError(
                f"Another oldphoto is writing into {destination}. Wait until it has ended, or export into "
                f"another folder. If none is at work there, remove {path}."
            )


def _sweep(destination: Path, besides: Path) -> None:
    """Remove what killed processes left."""
    for path in filter(is_abandoned, _partials(destination, besides)):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


def _partials(destination: Path, besides: Path | None) -> list[Path]:
    with _making(destination):
        if not destination.exists():
            return []
        return [path for path in destination.iterdir() if is_partial(path) and path != besides]


def check_whole(folder: Path, files: int) -> None:
    """Raise StorageError where fewer than ``files`` files are left of those that were written below ``folder``."""
    found = sum(len(names) for _, _, names in os.walk(folder))
    if found < files or not folder.is_dir():
        raise StorageError(
            f"Only {found} of {files} files that were written to {folder} are still there: somebody else removed "
            "the rest. Export again, into another folder."
        )


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


def free_path(root: Path, path: str) -> str:
    """Return a path at which a file of the package can lie below ``root``.

    In a bucket an object may be called like a folder of others, and in a package like what is made of another one
    (``x.tif`` beside a folder ``x.jpg``). Whichever of the two comes later is altered.
    """
    folder, _, name = path.rpartition("/")
    kept: list[str] = []
    for part in folder.split("/") if folder else ():
        kept.append(_marked(part, part) if (root / "/".join((*kept, part))).is_file() else part)
    taken = root / "/".join((*kept, name))
    return "/".join((*kept, _marked(name, name) if taken.is_dir() else name))


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
