"""The one place where third-party decoders are called, and the one broad ``except``.

Decoders meet hostile bytes with every kind of exception, with log records and with warnings. Here
exceptions become :class:`~oldphoto_core.errors.PhotoError`, and log records and warnings are collected.
"""

from __future__ import annotations

import errno
import logging
import re
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from PIL import Image, PngImagePlugin

from oldphoto_core.errors import (
    OldPhotoError,
    OversizedPhotoError,
    UnreadablePhotoError,
    UnsupportedPhotoError,
)
from oldphoto_core.image_io.png_chunks import MAX_INFLATED

T = TypeVar("T")

RESCAN = "Compare it with a backup or scan it again"
"""The remedy for damaged files."""
EXPORT = "Export it as 8- or 16-bit grey or RGB TIFF and add that file to the collection"
"""The remedy for sound files of a kind that is not restored."""

_LOGGERS = ("tifffile", "PIL", "exifread", "imagecodecs")
_MAX_WARNINGS = 20
_MAX_LENGTH = 300
_MAX_WALKED = 10 * _MAX_LENGTH
_MAX_TEXTS = 5 << 20
"""Bytes of all texts of a PNG together: several long ones are a bomb."""

# Both the warnings filter and Pillow's limits are process-wide, so third-party decoding is serial
# within a process; photos are decoded side by side in processes, not in threads.
_LOCK = threading.RLock()


@dataclass(frozen=True)
class Observed(Generic[T]):
    """What an action returned, and what the decoders remarked meanwhile."""

    value: T
    warnings: tuple[str, ...]


def observe(key: str, action: Callable[[], T], *, max_pixels: int | None = None) -> Observed[T]:
    """Run ``action`` on a photo's bytes and account for everything a decoder may do.

    Args:
        key: the photo's source key.
        action: calls into third-party decoders.
        max_pixels: handed to Pillow as its own limit (frames can grow after the header was read).

    Raises:
        PhotoError: our own, unchanged; or made of whatever the decoder raised.
        MemoryError, OSError: of this machine, never converted; they say nothing about the photo.
    """
    remarks: list[str] = []
    with (
        _LOCK,
        _pillow_limit(max_pixels),
        _collected_logs(remarks),
        warnings.catch_warnings(record=True) as seen,
    ):
        warnings.simplefilter("always")
        try:
            value = action()
        except (OldPhotoError, MemoryError):
            raise
        except Image.DecompressionBombError as error:
            raise OversizedPhotoError(
                key,
                one_line(error),
                "If it is genuine, cut it into parts; otherwise inspect the file",
            ) from error
        except NotImplementedError as error:
            # What tifffile raises for subsampled colours without JPEG, or differences of floats of three bytes.
            raise UnsupportedPhotoError(
                key, f"the decoder does not know this variant of the format ({one_line(error)})", EXPORT
            ) from error
        except Exception as error:
            if _is_the_machines(error):
                raise
            raise UnreadablePhotoError(
                key,
                f"it cannot be decoded completely ({type(error).__name__}: {one_line(error) or 'no words'})",
                RESCAN,
            ) from error
        remarks.extend(one_line(entry.message) for entry in seen if _concerns_curators(entry))
    return Observed(value, summarised(remarks))


def _is_the_machines(error: Exception) -> bool:
    """Say whether a disk or a share failed while a file was read, which says nothing about the photo.

    Decoders raise `OSError` of broken data as well, but without a number. An impossible position in a file is one
    that the file declares.
    """
    return isinstance(error, OSError) and error.errno not in (None, errno.EINVAL)


def one_line(text: object) -> str:
    """Return ``text`` printable, in one line, without memory addresses and of bounded length."""
    whole = str(text)
    # A file's texts may be megabytes long, and hostile: only what can be shown is looked at, and no part of the
    # pattern is without a bound, as each would be tried again from every character.
    cleaned = re.sub(r"\s?<_io\.BytesIO[^>]{0,80}>", "", whole[:_MAX_WALKED])
    cleaned = " ".join("".join(c if c.isprintable() else " " for c in cleaned).split())
    if len(cleaned) <= _MAX_LENGTH and (not cleaned or len(whole) <= _MAX_WALKED):
        return cleaned
    return cleaned[: _MAX_LENGTH - 1] + "…"


def summarised(remarks: Iterable[str]) -> tuple[str, ...]:
    """Drop repetitions, keep the order, and count what is past the first twenty."""
    distinct = list(dict.fromkeys(filter(None, remarks)))
    if len(distinct) <= _MAX_WARNINGS:
        return tuple(distinct)
    left_out = len(distinct) - _MAX_WARNINGS
    return (*distinct[:_MAX_WARNINGS], f"and {left_out} more warnings")


def _concerns_curators(entry: warnings.WarningMessage) -> bool:
    """Return False for remarks about source code, and for Pillow's size warning (we have our own limit)."""
    return not issubclass(
        entry.category,
        (DeprecationWarning, PendingDeprecationWarning, ResourceWarning, Image.DecompressionBombWarning),
    )


@contextmanager
def _pillow_limit(max_pixels: int | None) -> Iterator[None]:
    """Set Pillow's limits: of pixels, where it refuses above twice the value, and of a PNG's texts and profile.

    Pillow gives up the whole picture where one of these inflates to more than a megabyte. Printers' profiles are
    larger, and a long text is no reason either: what is not taken over of it is named.
    """
    before = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY
    Image.MAX_IMAGE_PIXELS = None if max_pixels is None else max(1, max_pixels // 2)
    PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY = MAX_INFLATED, _MAX_TEXTS
    try:
        yield
    finally:
        (Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY) = before


@contextmanager
def _collected_logs(remarks: list[str]) -> Iterator[None]:
    """Send the decoders' log records of level WARNING and above into ``remarks`` instead of stderr."""
    collector = _Collector(remarks)
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [(logger, logger.handlers, logger.propagate) for logger in loggers]
    for logger in loggers:
        # Handlers are replaced, not added to: within a nested call only the innermost collects.
        logger.handlers, logger.propagate = [collector], False
    try:
        yield
    finally:
        for logger, handlers, propagate in before:
            logger.handlers, logger.propagate = handlers, propagate


class _Collector(logging.Handler):
    """A log handler that appends to a list."""

    def __init__(self, remarks: list[str]) -> None:
        super().__init__(level=logging.WARNING)
        self._remarks = remarks

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record's message."""
        self._remarks.append(one_line(record.getMessage()))
