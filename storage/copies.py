"""Copies of a store's files, which are the recorded bytes or are none."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import BinaryIO

from oldphoto_core.fixity import verify

_CHUNK = 1 << 20


def copy_verified(stream: BinaryIO, path: Path, uri: str, sha256: str) -> None:
    """Copy to a new file what a store gives out; one that is not as it should be is left to the caller.

    Args:
        stream: opened by a store.
        path: the new file.
        uri: what is copied, for the error.
        sha256: the recorded digest.

    Raises:
        FixityError: the bytes have another digest.
        StorageError: the store cannot read them.
        OSError: the new file cannot be written.
    """
    digest = hashlib.sha256()
    with path.open("xb") as target:
        for piece in iter(partial(stream.read, _CHUNK), b""):
            digest.update(piece)
            target.write(piece)
    verify(uri, "SHA-256", sha256, digest.hexdigest())
