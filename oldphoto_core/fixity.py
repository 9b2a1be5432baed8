"""SHA-256 over files and streams, the manifests that list it, and the comparison of the two."""

from __future__ import annotations

import hashlib
import re
from typing import BinaryIO

from oldphoto_core.errors import FixityError, OldPhotoError

# BagIt allows any run of white space; sha256sum writes two spaces, or a space and an asterisk.
_LINE = re.compile(r"(?P<digest>[0-9A-Fa-f]{64})(?: [ *]|[ \t]+)(?P<path>\S.*)")
_ESCAPE = re.compile(r"\\([nr\\])")
_BAG_CODE = re.compile("%(25|0A|0D)", re.IGNORECASE)
_ESCAPED = {"n": "\n", "r": "\r", "\\": "\\"}


def sha256_stream(stream: BinaryIO, chunk: int = 1 << 20) -> tuple[str, int]:
    """Read ``stream`` to its end in pieces of ``chunk`` bytes; return (hex digest, bytes read)."""
    digest, size = hashlib.sha256(), 0
    while piece := stream.read(chunk):
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size


def sha256_bytes(data: bytes) -> str:
    """Return the hex digest of ``data``."""
    return hashlib.sha256(data).hexdigest()


def sha256_of(data: bytes | BinaryIO) -> tuple[str, int]:
    """Return (hex digest, size) of bytes, or of a seekable file from its beginning; it is left there."""
    if isinstance(data, bytes):
        return sha256_bytes(data), len(data)
    data.seek(0)
    found = sha256_stream(data)
    data.seek(0)
    return found


def parse_manifest(text: str) -> dict[str, str]:
    """Read a manifest as sha256sum and BagIt write it: path → lower-case digest.

    Empty lines and lines that begin with ``#`` are skipped; CRLF and a byte-order mark are accepted. In a line
    that begins with a backslash sha256sum has escaped backslashes and line breaks of the path.

    Raises:
        OldPhotoError: a line is malformed, or gives one path two digests; the message has its number.
    """
    digests: dict[str, str] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        line = line.removesuffix("\r")
        if not line.strip() or line.startswith("#"):
            continue
        escaped = line.startswith("\\")
        match = _LINE.fullmatch(line.removeprefix("\\"))
        if match is None:
            raise OldPhotoError(
                f"manifest line {number} is not '<64 hex digits>  <path>': {line[:80]!r}. "
                "Write the manifest again with sha256sum, or correct this line."
            )
        path, digest = match["path"], match["digest"].lower()
        if escaped:
            path = _ESCAPE.sub(lambda found: _ESCAPED[found[1]], path)
        if digests.setdefault(path, digest) != digest:
            raise OldPhotoError(
                f"manifest line {number} gives a second digest for {path!r}. Remove the one that is wrong."
            )
    return digests


def bag_path_read(path: str) -> str:
    """Return what a BagIt manifest writes as ``path``: it percent-encodes ``%``, LF and CR (RFC 8493).

    Some programs that make bags encode no ``%``: a file may as well be called what is written.
    """
    return _BAG_CODE.sub(lambda found: chr(int(found[1], 16)), path)


def verify(path: str, algorithm: str, expected: str, found: str) -> None:
    """Raise :class:`FixityError` where the digests differ; upper and lower case are the same."""
    if expected.lower() != found.lower():
        raise FixityError(path, algorithm, expected, found)
