"""The directories of a TIFF structure as they are: tags with their types and bytes, and the directories inside.

A TIFF file and an EXIF block are the same structure. What goes from one to the other is copied by its bytes, so that
nothing is lost because a library does not know it; numbers become little-endian and texts UTF-8.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

import numpy as np

EXIF, GPS, INTEROPERABILITY = 34665, 34853, 40965
_INNER: dict[int | None, tuple[int, ...]] = {None: (EXIF, GPS), EXIF: (INTEROPERABILITY,)}
_NEVER_VALUES = (EXIF, GPS, INTEROPERABILITY)
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
"""Bytes per value of the types that an EXIF block may hold."""
_POINTERS = {4: 4, 13: 4, 16: 8, 18: 8}
_SWAPPED = {3: 2, 4: 4, 5: 4, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8}
_ASCII, _USER_COMMENT, _UTF16 = 2, 37510, b"UNICODE\0"
_MAX_ENTRIES = 4096
_MAX_BYTES = 3_000_000


@dataclass(frozen=True)
class Entry:
    """One tag: its type's number (``kind``) and its values as little-endian bytes."""

    tag: int
    kind: int
    data: bytes

    @property
    def count(self) -> int:
        """How many values the bytes are."""
        return len(self.data) // _SIZES[self.kind]


@dataclass(frozen=True)
class Directory:
    """Entries; the directories that tags point to, by tag; and the tags, inner ones too, that could not be read.

    Of a tag that a damaged file repeats with another value, the first is taken and the tag is named as lost.
    """

    entries: tuple[Entry, ...] = ()
    inner: dict[int, Directory] = field(default_factory=dict)
    lost: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.entries or self.inner)

    def without(self, tags: Container[int]) -> Directory:
        """Return the directory without these entries of its own."""
        return replace(self, entries=tuple(one for one in self.entries if one.tag not in tags))

    def completed(self, other: Directory) -> Directory:
        """Return the directory with what it lacks of another one; what exceeds three megabytes then is lost."""
        added = other.without({one.tag for one in self.entries})
        inner = {tag: one for tag, one in other.inner.items() if tag not in self.inner}
        lost = (*self.lost, *added.lost)
        whole = replace(self, entries=self.entries + added.entries, inner=self.inner | inner, lost=lost)
        if len(pack_block(whole)) <= _MAX_BYTES:
            return whole
        return replace(self, lost=(*lost, *(one.tag for one in added.entries), *inner))


@dataclass(frozen=True)
class Structure:
    """How a TIFF structure is read: ``read(at, size)``, byte order (``<`` or ``>``), and whether it is BigTIFF."""

    read: Callable[[int, int], bytes]
    order: str
    big: bool = False


@dataclass
class _Spent:
    """What reading a structure has used up: the bytes that are ``left``, and the directories that were read."""

    left: int
    seen: set[int] = field(default_factory=set)


def read_block(block: bytes, wanted: Container[int] | None = None) -> Directory:
    """Read the first directory of an EXIF block.

    Raises:
        ValueError, struct.error: it is damaged.
    """
    order = "<" if block[:2] == b"II" else ">"
    (at,) = struct.unpack_from(f"{order}I", block, 4)
    return read_directory(Structure(lambda start, size: block[start : start + size], order), at, wanted)


def read_directory(structure: Structure, at: int, wanted: Container[int] | None = None) -> Directory:
    """Read the directory at ``at`` and, whole, the EXIF, GPS and interoperability directories inside.

    Args:
        structure: what to read.
        at: where the directory begins.
        wanted: the tags that are read of the outer directory; all of them when not given.

    Returns:
        What lies within the structure and within three megabytes; the other tags are named as lost.

    Raises:
        ValueError, struct.error: the outer directory itself is damaged.
    """
    return _read(structure, at, wanted, None, _Spent(_MAX_BYTES))


def pack_block(directory: Directory) -> bytes:
    """Return an EXIF block that holds the directory."""
    return b"II*\0\x08\0\0\0" + _packed(directory, 8, big=False)


def add_to_tiff(stream: BinaryIO, added: Directory) -> None:
    """Add tags and directories to the first directory of a finished little-endian TIFF or BigTIFF.

    The directory is written once more at the file's end, as it then has more entries; tags that it has already
    are left alone. Pixels, and the values of the tags that were there, stay where they are.
    """
    stream.seek(0)
    big = stream.read(4)[2] == 43
    pointer_at, pointer = (8, "<Q") if big else (4, "<I")
    stream.seek(pointer_at)
    (old,) = struct.unpack(pointer, stream.read(struct.calcsize(pointer)))
    rows, following = _stored_rows(stream, old, big)
    new = added.without(rows)
    end = stream.seek(0, 2)
    at = end + end % 2
    own, values = _laid_out(new, at, big)
    # The directory comes last, so that a copy that was cut off has none and is no picture.
    stream.write(bytes(at - end) + values + _table({**rows, **own}, following, big))
    stream.seek(pointer_at)
    stream.write(struct.pack(pointer, at + len(values)))
    stream.seek(0, 2)


def _read(
    structure: Structure, at: int, wanted: Container[int] | None, within: int | None, spent: _Spent
) -> Directory:
    """Read a directory and those inside, each once.

    A few kilobytes can hold thousands of pointers to the same thousands of rows; so rows are paid for, a tag
    is taken once, and nothing is read again.
    """
    if at in spent.seen:
        raise ValueError("a directory that was read before")
    spent.seen.add(at)
    order = structure.order
    count_format, row_format = (
        (f"{order}Q", f"{order}HHQ8s") if structure.big else (f"{order}H", f"{order}HHI4s")
    )
    width, size = struct.calcsize(count_format), struct.calcsize(row_format)
    (number,) = struct.unpack(count_format, structure.read(at, width))
    if number > _MAX_ENTRIES:
        raise ValueError(f"a directory declares {number:,} entries")
    if number * size > spent.left:
        raise ValueError(f"a directory of {number * size:,} bytes")
    spent.left -= number * size
    table = structure.read(at + width, number * size)
    entries: dict[int, Entry] = {}
    inner: dict[int, Directory] = {}
    rows: dict[int, bytes] = {}
    lost: dict[int, None] = {}
    for start in range(0, number * size, size):
        row = table[start : start + size]
        tag, kind, count, value = struct.unpack(row_format, row)
        pointer = tag in _INNER.get(within, ())
        if not pointer and (tag in _NEVER_VALUES or (wanted is not None and tag not in wanted)):
            continue
        if tag in rows:
            # The same row once more says nothing else; another one is left out.
            lost |= {tag: None} if rows[tag] != row else {}
            continue
        rows[tag] = row
        try:
            data = _values(structure, kind, count, value, spent, _POINTERS if pointer else _SIZES)
            if pointer:
                found = _read(structure, int.from_bytes(data, "little"), None, tag, spent)
                inner |= {tag: found} if found else {}
                lost |= dict.fromkeys(found.lost)
            else:
                entries[tag] = Entry(tag, kind, _legible(tag, kind, data, order))
        except (ValueError, KeyError, OverflowError, OSError, struct.error):
            lost[tag] = None
    return Directory(tuple(entries.values()), inner, tuple(lost))


def _values(
    structure: Structure, kind: int, count: int, value: bytes, spent: _Spent, sizes: dict[int, int]
) -> bytes:
    """Return a tag's values as little-endian bytes, and take them off the budget.

    Raises:
        KeyError, ValueError: an unknown type; too large, or beyond the structure's end.
    """
    size = count * sizes[kind]
    if size > spent.left:
        raise ValueError(f"a tag of {size:,} bytes")
    if size <= len(value):
        data = value[:size]
    else:
        (at,) = struct.unpack(structure.order + ("Q" if structure.big else "I"), value)
        data = structure.read(at, size)
    if len(data) < size:
        raise ValueError("a tag lies beyond the end")
    spent.left -= size
    if structure.order == "<":
        return data
    return _swapped(data, sizes[kind] if sizes is _POINTERS else _SWAPPED.get(kind, 1))


def _swapped(data: bytes, width: int) -> bytes:
    whole = len(data) - len(data) % width
    return np.frombuffer(data[:whole], f">u{width}").astype(f"<u{width}").tobytes() + data[whole:]


def _legible(tag: int, kind: int, data: bytes, order: str) -> bytes:
    """Return text as UTF-8, and a comment in UTF-16, which is opaque by its type, in the new byte order."""
    if kind == _ASCII:
        try:
            return data if _is_utf8(data) else data.decode("cp1252").encode()
        except UnicodeDecodeError:
            return data
    if tag == _USER_COMMENT and order == ">" and data.startswith(_UTF16):
        return _UTF16 + _swapped(data[len(_UTF16) :], 2)
    return data


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _packed(directory: Directory, at: int, *, big: bool) -> bytes:
    """Return the bytes of a directory that begins at ``at``, with all that it points to."""
    number = len(directory.entries) + len(directory.inner)
    rows, values = _laid_out(directory, at + _table_size(number, big), big)
    return _table(rows, 0, big) + values


def _laid_out(directory: Directory, start: int, big: bool) -> tuple[dict[int, bytes], bytes]:
    """Return the rows by tag, and what they point to: an even number of bytes that begin at ``start``."""
    rows: dict[int, bytes] = {}
    apart = bytearray()

    def placed(data: bytes) -> int:
        at = start + len(apart)
        apart.extend(data + bytes(len(data) % 2))
        return at

    for entry in directory.entries:
        inline = len(entry.data) <= (8 if big else 4)
        value: Any = entry.data if inline else placed(entry.data)
        rows[entry.tag] = _row(entry.tag, entry.kind, entry.count, value, big)
    for tag, one in directory.inner.items():
        at = placed(_packed(one, start + len(apart), big=big))
        rows[tag] = _row(tag, 16 if big else 4, 1, at, big)
    return rows, bytes(apart)


def _row(tag: int, kind: int, count: int, value: bytes | int, big: bool) -> bytes:
    width, number = (8, "Q") if big else (4, "I")
    stored = value.ljust(width, b"\0") if isinstance(value, bytes) else struct.pack(f"<{number}", value)
    return struct.pack(f"<HH{number}", tag, kind, count) + stored


def _table(rows: dict[int, bytes], following: int, big: bool) -> bytes:
    count, pointer = ("<Q", "<Q") if big else ("<H", "<I")
    sorted_rows: Iterable[bytes] = (rows[tag] for tag in sorted(rows))
    return struct.pack(count, len(rows)) + b"".join(sorted_rows) + struct.pack(pointer, following)


def _table_size(number: int, big: bool) -> int:
    return 16 + 20 * number if big else 6 + 12 * number


def _stored_rows(stream: BinaryIO, at: int, big: bool) -> tuple[dict[int, bytes], int]:
    """Return a stored directory's rows by tag, and where the next directory lies (0 = nowhere)."""
    count, pointer, size = ("<Q", "<Q", 20) if big else ("<H", "<I", 12)
    stream.seek(at)
    (number,) = struct.unpack(count, stream.read(struct.calcsize(count)))
    rows = [stream.read(size) for _ in range(number)]
    (following,) = struct.unpack(pointer, stream.read(struct.calcsize(pointer)))
    return {struct.unpack_from("<H", row)[0]: row for row in rows}, following
