"""Whose fault a failure is: the photo's own uses up its attempts, the machine's does not."""

from __future__ import annotations

import errno
import os

import pytest

from actors.rows import InputRow, PhotoRow
from actors.stages.boundary import settle_error
from oldphoto_core.errors import AlreadyExistsError, StorageError, UnwritableKeyError
from oldphoto_core.photo import Outcome
from schemas.records import OUTSIDE_ERRORS

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("error", "outside"),
    [
        (StorageError("The disk is full."), True),
        (FULL, True),
        (FileNotFoundError(errno.ENOENT, "gone", "weights"), True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 9.00 GiB."), False),
        (AlreadyExistsError("other bytes lie there"), False),
        (UnwritableKeyError("too long a name"), False),
        (OSError("broken data stream"), False),
        (RuntimeError("shape mismatch"), False),
        (MemoryError(), False),
    ],
)
def test_what_lies_outside_the_photo_is_told_from_its_own_faults(error: Exception, outside: bool) -> None:
    photo = PhotoRow(InputRow(1, "a.tif", "/scans/a.tif", "0" * 64, "", "a"))
    result = settle_error(photo, error, "oldphoto").result
    assert result is not None
    assert (result.outcome, result.error_class in OUTSIDE_ERRORS) == (Outcome.FAILED, outside)
    assert result.reason is not None
    assert result.reason.startswith(type(error).__name__)
