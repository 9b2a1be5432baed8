"""New files of a folder: whole or not at all, and never in another's place.

A temporary file in the target's own folder is flushed to disk and then linked to its name, which fails where the
name is taken. A reader sees the whole file or none.

Temporary files are named ``.oldphoto-<host>-<process>-<random>.part``. A killed process leaves its last one behind.
Folders in which a package is built (`flows.package_files`) have such names too.
"""

from __future__ import annotations

import errno
import io
import os
import re
import secrets
import socket
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

_PARTIAL = re.compile(r"\.oldphoto-(?P<host>.+)-(?P<process>\d+)-[0-9a-f]{16}\.part")
_CHUNK = 1 << 20
_OTHERS_PARTIAL_AGE = 24 * 3600.0
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}


def partial_name() -> str:
    """Return a name for a temporary file or folder, by which it is known when it is left behind."""
    return f".oldphoto-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(8)}.part"


def is_partial(path: Path) -> bool:
    """Return whether this is called as `partial_name` calls what is being written."""
    return _PARTIAL.fullmatch(path.name) is not None


def is_abandoned(path: Path) -> bool:
    """Return whether this is a temporary file or folder that nobody writes any more.

    That of a dead process of this host is so at once, any other (another host's, or one whose process number is in
    use again) once nothing in it has changed for a day.
    """
    match = _PARTIAL.fullmatch(path.name)
    if match is None:
        return False
    if match["host"] == socket.gethostname() and not _is_running(int(match["process"])):
        return True
    with suppress(OSError):
        return time.time() - _last_change(path) > _OTHERS_PARTIAL_AGE
    return False


def place(target: Path, data: bytes | BinaryIO) -> bool:
    """Write ``data`` beside ``target`` and link it there. Return False if the name is taken. Raises OSError."""
    temporary = target.with_name(partial_name())
    try:
        _write_through(temporary, data)
        return _link(temporary, target)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
        _flush_folder(target.parent)


def sweep(root: Path) -> int:
    """Remove the temporary files below ``root`` that nobody writes any more; return how many there were."""
    removed = 0
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if not name.startswith(".")]
        for name in files:
            path = Path(folder, name)
            if is_abandoned(path):
                with suppress(OSError):
                    path.unlink()
                    removed += 1
    return removed


def _write_through(path: Path, data: bytes | BinaryIO) -> None:
    # Not tempfile: its files are private, and derivatives are for everybody whom the umask lets in.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    with io.FileIO(descriptor, "wb") as file:
        for piece in (data,) if isinstance(data, bytes) else iter(partial(data.read, _CHUNK), b""):
            view = memoryview(piece)
            while view:
                view = view[file.write(view) :]
        os.fsync(descriptor)


def _link(temporary: Path, target: Path) -> bool:
    try:
        os.link(temporary, target)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _claim(temporary, target)
    return True


def _claim(temporary: Path, target: Path) -> bool:
    """Do without hard links (exFAT, some network shares): claim the name, then replace the claim.

    Still only one writer wins, but being killed between the two steps leaves an empty file.
    """
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except FileExistsError:
        return False
    temporary.replace(target)
    return True


def _flush_folder(folder: Path) -> None:
    # Some network file systems refuse to flush a folder; the file itself is safe by then.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _last_change(path: Path) -> float:
    """Return when something was last put into a folder or one below it, or written to a file. Raises OSError."""
    folders = (Path(folder) for folder, _, _ in os.walk(path))
    return max(one.stat().st_mtime for one in (path, *folders))


def _is_running(process: int) -> bool:
    with suppress(OSError, IndexError):
        # One that has ended keeps its number until its parent, or a container's first process, asks how it ended.
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        return stat.rpartition(")")[2].split()[0] not in "ZX"
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
