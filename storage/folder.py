"""A folder as a store.

Reading never leaves the root: links to folders are not followed, links to files only while they stay inside.
Writing is create-only (`new_files`).
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO

from oldphoto_core.errors import AlreadyExistsError, StorageError, UnwritableKeyError, UsageError
from oldphoto_core.fixity import sha256_of, sha256_stream
from storage import new_files
from storage.base import Created, LeftOut, StoredObject, check_key, tell
from storage.file_names import odd_name, readable, text_names

_IN_THE_WAY = (
    "A file lies where a folder is needed. If it is the result of another photo, rename the folder in the source; "
    "else move the file away."
)
_NOT_ALLOWED = (
    'This file system does not allow a character of the name (exFAT and Windows shares: one of \\ : * ? " < > |). '
    "Rename it in the source, or choose another folder."
)
_REMEDIES = {
    errno.ENOSPC: "The disk is full: free some space and run again.",
    errno.EDQUOT: "The disk quota is used up: free some space and run again.",
    errno.EACCES: "Give this user the permission, or choose another folder.",
    errno.EPERM: "Give this user the permission, or choose another folder.",
    errno.EROFS: "The folder is mounted read-only: choose another one.",
    errno.ENOENT: "It was moved or deleted after it had been listed: put it back, or run again.",
    errno.ENAMETOOLONG: "The name is longer than this file system allows: shorten it in the source.",
    errno.ENOTDIR: _IN_THE_WAY,
    errno.EEXIST: _IN_THE_WAY,
    errno.EISDIR: "A folder lies where a file is needed: move it away.",
}
_LASTING = (
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.EEXIST,
    errno.EISDIR,
    errno.EINVAL,
    errno.EILSEQ,
)
_NOWHERE = "It is a link that leads nowhere. Correct or remove it."


class FolderStore:
    """Objects are the regular files below ``root``; a key is the path relative to it.

    A file name that is not valid UTF-8 shows its odd bytes as ``%XX`` in the key; as ``%xx`` where another file of
    the folder is really called so.

    Args:
        root: the folder.
        create: make it when it is missing.

    Raises:
        UsageError: the folder is missing, or is no folder.
    """

    def __init__(self, root: str | Path, *, create: bool = False) -> None:
        path = Path(os.path.expanduser(root))
        try:
            if create:
                path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{path} cannot be made a folder: {error.strerror}. Choose another.") from error
        if not path.is_dir():
            raise UsageError(f"{path} is not a folder. Check the path; a folder to read from must exist.")
        self.root = Path(os.path.realpath(path))

    @property
    def uri(self) -> str:
        """The folder's absolute path."""
        return str(self.root)

    def uri_of(self, key: str) -> str:
        """Return the absolute path of ``key``."""
        return str(self.root / key)

    def list(self, left_out: LeftOut | None = None) -> Iterator[StoredObject]:
        """Yield every visible regular file in the order of its key, reading one folder at a time."""
        yield from self._walk(self.root, "", left_out)

    def open(self, key: str) -> BinaryIO:
        """Open a file for reading only."""
        try:
            return io.BufferedReader(_File(self._existing(key)))
        except OSError as error:
            raise _refused(error, self.uri_of(key), "read") from error

    def read(self, key: str, max_bytes: int | None = None) -> bytes:
        """Return a file's bytes, at most the first ``max_bytes``."""
        with self.open(key) as stream:
            # Asked for a number of bytes, read() would reserve as many, however small the file.
            if max_bytes is None or os.fstat(stream.fileno()).st_size <= max_bytes:
                return stream.read()
            return stream.read(max_bytes)

    def exists(self, key: str) -> bool:
        """Return whether a regular file lies under ``key``. Raises StorageError where that cannot be told."""
        try:
            path = self._existing(key)
        except StorageError:
            # A name that leads out of the folder, or can be no file's.
            return False
        try:
            return stat.S_ISREG(path.stat().st_mode)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
                return False
            raise _refused(error, self.uri_of(key), "read") from error

    @contextmanager
    def located(self, key: str) -> Iterator[Path]:
        """Give the file itself."""
        self.open(key).close()
        yield self._existing(key)

    def create(self, key: str, data: bytes | BinaryIO, media_type: str = "") -> Created:
        """Write a new file, whole or not at all; see `Store.create`."""
        target = self._new_path(key)
        if os.path.isdir(target):
            raise AlreadyExistsError(f"{target} is a folder already. It was left as it is.")
        digest, size = sha256_of(data)
        try:
            if not os.path.lexists(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                if new_files.place(target, data):
                    return Created(str(target), digest, size, existed=False)
            found = self._digest(key)
        except OSError as error:
            raise _refused(error, str(target), "written") from error
        if found != digest:
            raise AlreadyExistsError(f"{target} is there already with other content. It was left as it is.")
        return Created(str(target), digest, size, existed=True)

    def problem_with(self, key: str) -> str | None:
        """Return which part of ``key`` is longer than a name of this file system; None if none is."""
        longest = max((len(os.fsencode(part)) for part in key.split("/")), default=0)
        if longest <= self._name_bytes:
            return None
        return f"a file's or folder's name would have {longest} bytes, and {self._name_bytes} are allowed"

    @cached_property
    def _name_bytes(self) -> int:
        try:
            return os.pathconf(self.root, "PC_NAME_MAX")
        except (OSError, ValueError):
            return 255

    def sweep_partials(self) -> int:
        """Remove the temporary files of dead processes, and strangers' that are a day old."""
        return new_files.sweep(self.root)

    def _walk(self, folder: Path, prefix: str, left_out: LeftOut | None) -> Iterator[StoredObject]:
        try:
            with os.scandir(folder) as entries:
                found = {entry.name: entry for entry in entries if entry.name[0] != "."}
            names = text_names(found.keys())
            # A folder sorts as its name with "/", so that keys come out in plain string order.
            slashes = {name: "/" * entry.is_dir(follow_symlinks=False) for name, entry in found.items()}
        except OSError as error:
            if left_out is None or not prefix:
                raise _refused(error, str(folder), "listed") from error
            left_out(prefix, f"It cannot be listed: {error.strerror}. {_remedy(error)}")
            return
        ordered = sorted(((names[name] + slash, name) for name, slash in slashes.items()), key=itemgetter(0))
        for text, name in ordered:
            if text.endswith("/"):
                yield from self._walk(Path(found[name].path), prefix + text, left_out)
            elif (listed := self._look(found[name], prefix + text, left_out)) is not None:
                yield listed

    def _look(self, entry: os.DirEntry[str], key: str, left_out: LeftOut | None) -> StoredObject | None:
        """Return a regular file inside the root; tell of anything else, unless nothing is lost by it."""
        try:
            problem = self._problem(entry)
            if problem is None:
                return _stored(key, entry.stat()) if entry.is_file() else None
        except FileNotFoundError:
            # Gone since its folder was read: as if it had gone before.
            return None
        except OSError as error:
            circular = error.errno == errno.ELOOP
            problem = _NOWHERE if circular else f"It cannot be looked at: {error.strerror}. {_remedy(error)}"
        tell(left_out, key, problem)
        return None

    def _problem(self, entry: os.DirEntry[str]) -> str | None:
        """Return why an entry cannot be a master; None also for what is no loss. Raises OSError."""
        if entry.is_symlink():
            if not self._holds(entry.path):
                return "It is a link out of the folder. Copy in what it leads to."
            # What a folder inside holds is listed where it lies.
            return None if entry.is_dir() or entry.is_file() else _NOWHERE
        # A file may be gone since its folder was read.
        is_special = not entry.is_file() and os.path.lexists(entry.path)
        return "It is no regular file but a pipe, a socket or a device. Remove it." if is_special else None

    def _existing(self, key: str) -> Path:
        """Return the path of a key for reading, which stays inside the root whatever is linked where."""
        try:
            path = self.root / key
            if not os.path.lexists(path) and "%" in key:
                path = self._odd_path(key)
            inside = self._holds(path)
        except ValueError as error:
            raise StorageError(f"{key!r} cannot be a file name: {error}. Correct the key.") from error
        if not inside:
            raise StorageError(f"{key} leads out of {self.root}. Copy the file in instead of linking to it.")
        return path

    def _odd_path(self, key: str) -> Path:
        """Return the path of a key some of whose parts are not called as they are written."""
        path = self.root
        for part in key.split("/"):
            literal = path / part
            path = literal if os.path.lexists(literal) else path / odd_name(part)
        return path

    def _new_path(self, key: str) -> Path:
        path = self.root / check_key(key)
        try:
            inside = self._holds(path.parent)
        except ValueError as error:
            problem = f"{key!r} cannot be a file name: {error}. Rename it in the source."
            raise UnwritableKeyError(problem) from error
        if not inside:
            raise UnwritableKeyError(
                f"{key} would be written outside of {self.root}, through a link. Remove the link."
            )
        return path

    def _holds(self, path: str | Path) -> bool:
        # Not Path.resolve, which raises on links that lead in a circle.
        return Path(os.path.realpath(path)).is_relative_to(self.root)

    def _digest(self, key: str) -> str:
        with self.open(key) as stream:
            return sha256_stream(stream)[0]


class _File(io.FileIO):
    """A file for reading, whose disk or share may fail at any byte of it: that is a StorageError, too."""

    def readinto(self, buffer: Any) -> int:
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise _refused(error, str(self.name), "read") from error

    def readall(self) -> bytes:
        try:
            return super().readall()
        except OSError as error:
            raise _refused(error, str(self.name), "read") from error


def _stored(key: str, found: os.stat_result) -> StoredObject:
    try:
        return StoredObject(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))
    except (OverflowError, ValueError, OSError):
        # A time beyond the years of a date; the number itself still tells when the file changes.
        end = datetime.max if found.st_mtime > 0 else datetime.min
        return StoredObject(key, found.st_size, end.replace(tzinfo=UTC), etag=f"mtime {found.st_mtime_ns}")


def _remedy(error: OSError) -> str:
    return _REMEDIES.get(error.errno or 0, "Check the disk or the network share and run again.")


def _refused(error: OSError, path: str, verb: str) -> StorageError:
    # Trying again helps neither a name that cannot be nor one in whose place something else lies.
    lasting = error.errno in _LASTING and verb == "written"
    kind = UnwritableKeyError if lasting else StorageError
    remedy = _NOT_ALLOWED if lasting and error.errno in (errno.EINVAL, errno.EILSEQ) else _remedy(error)
    return kind(f"{readable(path)} cannot be {verb}: {error.strerror or error}. {remedy}")
