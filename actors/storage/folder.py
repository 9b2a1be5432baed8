"""A folder as a store.

Reading never leaves the root: links to folders are not followed, links to files only while they stay inside.
Writing is create-only: a temporary file in the target's own folder is flushed to disk and then linked to its
name, which fails where the name is taken. A reader sees the whole file or none.

Temporary files are named ``.oldphoto-<host>-<process>-<random>.part``. A killed process leaves its last one
behind; `FolderStore.sweep_partials` removes those of dead processes of this host at once, and any other
(another host's, or one whose process number is in use again) once it is a day old.
"""

from __future__ import annotations

import errno
import io
import logging
import os
import re
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

from actors.storage.base import Created, StoredObject, check_key
from oldphoto_core.errors import AlreadyExistsError, StorageError, UnwritableKeyError, UsageError
from oldphoto_core.fixity import sha256_of, sha256_stream

_log = logging.getLogger(__name__)
_PARTIAL = re.compile(r"\.oldphoto-(?P<host>.+)-(?P<process>\d+)-[0-9a-f]{16}\.part")
_CHUNK = 1 << 20
_OTHERS_PARTIAL_AGE = 24 * 3600.0
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}
_REMEDIES = {
    errno.ENOSPC: "The disk is full: free some space and run again.",
    errno.EDQUOT: "The disk quota is used up: free some space and run again.",
    errno.EACCES: "Give this user the permission, or choose another folder.",
    errno.EPERM: "Give this user the permission, or choose another folder.",
    errno.EROFS: "The folder is mounted read-only: choose another one.",
    errno.ENOENT: "It was moved or deleted after it had been listed: run again.",
    errno.ENAMETOOLONG: "The name is longer than this file system allows: shorten it in the source.",
    errno.ENOTDIR: "A file lies where a folder is needed: move it away.",
    errno.EEXIST: "A file lies where a folder is needed: move it away.",
    errno.EISDIR: "A folder lies where a file is needed: move it away.",
}


class FolderStore:
    """Objects are the regular files below ``root``; a key is the path relative to it.

    A file name that is not valid UTF-8 shows its odd bytes as ``%XX`` in the key.

    Args:
        root: the folder.
        create: make it when it is missing.

    Raises:
        UsageError: the folder is missing, or is no folder.
    """

    def __init__(self, root: str | Path, *, create: bool = False) -> None:
        path = Path(root).expanduser()
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

    def list(self) -> Iterator[StoredObject]:
        """Yield every visible regular file in the order of its key, reading one folder at a time."""
        yield from self._walk(self.root, "")

    def open(self, key: str) -> BinaryIO:
        """Open a file for reading only."""
        try:
            return self._existing(key).open("rb")
        except OSError as error:
            raise _refused(error, self.uri_of(key), "read") from error

    def read(self, key: str, max_bytes: int | None = None) -> bytes:
        """Return a file's bytes, at most the first ``max_bytes``."""
        with self.open(key) as stream:
            try:
                # Asked for a number of bytes, read() would reserve as many, however small the file.
                if max_bytes is None or os.fstat(stream.fileno()).st_size <= max_bytes:
                    return stream.read()
                return stream.read(max_bytes)
            except OSError as error:
                raise _refused(error, self.uri_of(key), "read") from error

    def exists(self, key: str) -> bool:
        """Return whether a regular file lies under ``key``."""
        with suppress(StorageError, OSError):
            return self._existing(key).is_file()
        return False

    @contextmanager
    def located(self, key: str) -> Iterator[Path]:
        """Give the file itself."""
        self.open(key).close()
        yield self._existing(key)

    def create(self, key: str, data: bytes | BinaryIO, media_type: str = "") -> Created:
        """Write a new file, whole or not at all; see `Store.create`."""
        target = self._new_path(key)
        digest, size = sha256_of(data)
        try:
            if not os.path.lexists(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                if self._place(target, data):
                    return Created(str(target), digest, size, existed=False)
            found = self._digest(key)
        except OSError as error:
            raise _refused(error, str(target), "written") from error
        if found != digest:
            raise AlreadyExistsError(f"{target} is there already with other content. It was left as it is.")
        return Created(str(target), digest, size, existed=True)

    def sweep_partials(self) -> int:
        """Remove the temporary files of dead processes, and strangers' that are a day old."""
        removed = 0
        for folder, names, files in os.walk(self.root):
            names[:] = [name for name in names if not name.startswith(".")]
            for name in files:
                match = _PARTIAL.fullmatch(name)
                path = Path(folder, name)
                if match and _is_abandoned(path, match["host"], int(match["process"])):
                    with suppress(OSError):
                        path.unlink()
                        removed += 1
        return removed

    def _walk(self, folder: Path, prefix: str) -> Iterator[StoredObject]:
        try:
            with os.scandir(folder) as entries:
                # A folder sorts as its name with "/", so that keys come out in plain string order.
                ordered = sorted((self._sort_name(entry), entry) for entry in entries if entry.name[0] != ".")
        except OSError as error:
            raise _refused(error, str(folder), "listed") from error
        for name, entry in ordered:
            if name.endswith("/"):
                yield from self._walk(Path(entry.path), prefix + name)
            elif (found := self._stat(entry)) is not None:
                modified = datetime.fromtimestamp(found.st_mtime, UTC)
                yield StoredObject(prefix + name, found.st_size, modified)

    @staticmethod
    def _sort_name(entry: os.DirEntry[str]) -> str:
        name = _readable(entry.name)
        return name + "/" if entry.is_dir(follow_symlinks=False) else name

    def _stat(self, entry: os.DirEntry[str]) -> os.stat_result | None:
        """Return the status of a regular file inside the root; None, and a warning, for anything else."""
        try:
            if entry.is_symlink() and not self._holds(entry.path):
                _log.warning("%s is a link out of the folder; it is left out", _readable(entry.path))
                return None
            if not entry.is_file():
                _log.warning("%s is not a regular file; it is left out", _readable(entry.path))
                return None
            return entry.stat()
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP):
                return None
            raise _refused(error, entry.path, "listed") from error

    def _existing(self, key: str) -> Path:
        """Return the path of a key for reading, which stays inside the root whatever is linked where."""
        try:
            path = self.root / key
            if not os.path.lexists(path) and "%" in key:
                odd = re.sub(rb"%([89A-F][0-9A-F])", lambda m: bytes.fromhex(m[1].decode()), os.fsencode(key))
                path = self.root / os.fsdecode(odd)
            inside = self._holds(path)
        except ValueError as error:
            raise StorageError(f"{key!r} cannot be a file name: {error}. Correct the key.") from error
        if not inside:
            raise StorageError(f"{key} leads out of {self.root}. Copy the file in instead of linking to it.")
        return path

    def _new_path(self, key: str) -> Path:
        path = self.root / check_key(key)
        try:
            inside = self._holds(path.parent)
        except ValueError as error:
            raise StorageError(f"{key!r} cannot be a file name: {error}. Rename it in the source.") from error
        if not inside:
            raise StorageError(
                f"{key} would be written outside of {self.root}, through a link. Remove the link."
            )
        return path

    def _holds(self, path: str | Path) -> bool:
        # Not Path.resolve, which raises on links that lead in a circle.
        return Path(os.path.realpath(path)).is_relative_to(self.root)

    def _place(self, target: Path, data: bytes | BinaryIO) -> bool:
        """Write ``data`` beside ``target`` and link it there. Return False if the name is taken."""
        partial = target.with_name(partial_name())
        try:
            _write_through(partial, data)
            return _link(partial, target)
        finally:
            with suppress(FileNotFoundError):
                partial.unlink()
            _flush_folder(target.parent)

    def _digest(self, key: str) -> str:
        with self.open(key) as stream:
            return sha256_stream(stream)[0]


def partial_name() -> str:
    """Return a name for a temporary file, by which `FolderStore.sweep_partials` knows it when it is left behind."""
    return f".oldphoto-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(8)}.part"


def _write_through(path: Path, data: bytes | BinaryIO) -> None:
    # Not tempfile: its files are private, and derivatives are for everybody whom the umask lets in.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    with io.FileIO(descriptor, "wb") as file:
        for piece in (data,) if isinstance(data, bytes) else iter(partial(data.read, _CHUNK), b""):
            view = memoryview(piece)
            while view:
                view = view[file.write(view) :]
        os.fsync(descriptor)


def _link(partial: Path, target: Path) -> bool:
    try:
        os.link(partial, target)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _claim(partial, target)
    return True


def _claim(partial: Path, target: Path) -> bool:
    """Do without hard links (exFAT, some network shares): claim the name, then replace the claim.

    Still only one writer wins, but being killed between the two steps leaves an empty file.
    """
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except FileExistsError:
        return False
    partial.replace(target)
    return True


def _flush_folder(folder: Path) -> None:
    # Some network file systems refuse to flush a folder; the file itself is safe by then.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _is_abandoned(path: Path, host: str, process: int) -> bool:
    if host == socket.gethostname() and not _is_running(process):
        return True
    with suppress(OSError):
        return time.time() - path.stat().st_mtime > _OTHERS_PARTIAL_AGE
    return False


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _readable(name: str) -> str:
    """Return a file name that can be stored as text: bytes that are not UTF-8 become ``%XX``."""
    return re.sub("[\udc80-\udcff]", lambda match: f"%{ord(match[0]) - 0xDC00:02X}", name)


def _refused(error: OSError, path: str, verb: str) -> StorageError:
    remedy = _REMEDIES.get(error.errno or 0, "Check the disk or the network share and run again.")
    kind = UnwritableKeyError if error.errno == errno.ENAMETOOLONG else StorageError
    return kind(f"{_readable(path)} cannot be {verb}: {error.strerror or error}. {remedy}")
