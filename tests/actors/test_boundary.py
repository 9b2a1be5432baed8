"""Whose fault a failure is: the photo's own uses up its attempts, the machine's does not."""

from __future__ import annotations

import errno
import os
from dataclasses import replace

import pytest

from actors.rows import InputRow, PhotoRow
from actors.stages.boundary import guarded, settle_error
from oldphoto_core.errors import (
    AlreadyExistsError,
    DestinationError,
    FixityError,
    StorageError,
    UnreadablePhotoError,
    UnwritableKeyError,
)
from oldphoto_core.photo import Outcome
from schemas.records import OUTSIDE_ERRORS, EventRecord, EventType

PHOTO = PhotoRow(InputRow(1, "a.tif", "/scans/a.tif", "0" * 64, "", "a"))
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("error", "outside"),
    [
        (StorageError("The disk is full."), True),
        (DestinationError("The disk is full."), True),
        (FULL, True),
        (FileNotFoundError(errno.ENOENT, "gone", "weights"), True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 9.00 GiB."), False),
        (AlreadyExistsError("other bytes lie there"), False),
        (UnwritableKeyError("too long a name"), False),
        (OSError("broken data stream"), False),
        (RuntimeError("shape mismatch"), False),
        (ValueError("no such CUDA option"), False),
        (MemoryError(), False),
    ],
)
def test_what_lies_outside_the_photo_is_told_from_its_own_faults(error: Exception, outside: bool) -> None:
    result = settle_error(PHOTO, error, "oldphoto").result
    assert result is not None
    assert (result.outcome, result.error_class in OUTSIDE_ERRORS) == (Outcome.FAILED, outside)
    assert result.reason is not None
    assert result.reason.startswith(type(error).__name__)


@pytest.mark.parametrize(
    ("error", "kind", "code", "traced"),
    [
        (UnreadablePhotoError("a.tif", "It is cut off", "Scan it again"), "quarantine", "unreadable", False),
        (FixityError("/scans/a.tif", "sha256", "0", "1"), "fixity check", "fixity", False),
        (ValueError("a slip"), "modification", "ValueError", True),
    ],
)
def test_what_stopped_a_photo_is_told_behind_what_was_done_to_it(
    error: Exception, kind: str, code: str, traced: bool
) -> None:
    earlier = EventRecord(EventType.VALIDATION, agent="oldphoto")
    photo = settle_error(replace(PHOTO, events=(earlier,), seconds=2.0), error, "oldphoto 9")
    result = photo.result
    assert result is not None
    assert result.seconds == 2.0
    first, told = result.events
    assert first == earlier
    assert (told.type, told.outcome, told.agent) == (kind, "fail", "oldphoto 9")
    assert (told.detail["reason"], told.detail["error_class"]) == (result.reason, code)
    assert ("trace" in told.detail) is traced


def test_a_settled_photo_passes_untouched_and_time_adds_up() -> None:
    def stage(photo: PhotoRow) -> PhotoRow:
        return replace(photo, warnings=("seen",))

    seen = guarded(stage, "oldphoto")(replace(PHOTO, seconds=2.0))
    assert (seen.warnings, seen.seconds > 2) == (("seen",), True)
    settled = settle_error(PHOTO, ValueError("a slip"), "oldphoto")
    assert guarded(stage, "oldphoto")(settled) is settled
