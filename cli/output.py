"""Standard output as it may be met: full, closed, or of an encoding that lacks the letters of a key."""

from __future__ import annotations

import codecs
import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from oldphoto_core.errors import StorageError

_ESCAPED = "oldphoto-escaped"


@contextmanager
def output_explained() -> Iterator[None]:
    """Surround everything that writes to standard output, up to its last byte.

    Raises:
        StorageError: it cannot be written to, for another reason than that nobody reads it any more.
    """
    codecs.register_error(_ESCAPED, _escaped)
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - it lasts as long as the process
    if sys.stdout is not sys.__stdout__ or not isinstance(sys.stdout, io.TextIOWrapper):
        # Another program's, which reads it from memory.
        yield
        return
    raw = _Watched(sys.stdout.fileno(), "w", closefd=False)
    at_once = sys.stdout.line_buffering or sys.stdout.write_through
    buffer = io.BufferedWriter(raw)
    sys.stdout = output = io.TextIOWrapper(buffer, sys.stdout.encoding, _ESCAPED, line_buffering=at_once)
    try:
        yield
    finally:
        with suppress(OSError):
            output.flush()
        if raw.problem is not None:
            _explain(raw.problem, raw.fileno())


class _Watched(io.FileIO):
    """A file that keeps what prevented the last write to it; what nobody reads any more counts as written.

    So ``| head`` changes neither what a command does nor its exit code, which tells of the photos, not of the reader.
    """

    problem: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            return len(data)
        except OSError as error:
            self.problem = error
            raise


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Write what an encoding lacks as JSON does in its strings, so that JSON keeps its meaning."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def _explain(problem: OSError, descriptor: int) -> None:
    # Python tries once more at the very end, and would say so in a traceback.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
    raise StorageError(
        f"Standard output cannot be written: {problem.strerror}. See to the disk, or send it elsewhere."
    ) from problem
