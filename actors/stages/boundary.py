"""The one failure boundary of a photo: what a stage raises becomes that photo's outcome, and no other's."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import replace

from actors.rows import PhotoRow
from oldphoto_core.errors import FixityError, PhotoError
from oldphoto_core.photo import Outcome
from schemas.records import FIXITY_ERROR, EventOutcome, EventRecord, EventType

Stage = Callable[[PhotoRow], PhotoRow]
_TRACE_LINES = 12


def guarded(stage: Stage, agent: str) -> Stage:
    """Return ``stage`` with the boundary around it.

    A settled photo passes untouched. A `PhotoError` or `FixityError` quarantines the photo: the file is at
    fault, and trying again is no use. Any other exception fails it: a later run tries again, a few times if
    the photo may be at fault, without bound if the cause lies outside it. The time that the stage took is
    added to the photo's.

    Args:
        stage: maps a photo to a photo.
        agent: software name and version for the event that is recorded.
    """

    def run(photo: PhotoRow) -> PhotoRow:
        if photo.result is not None:
            return photo
        began = time.perf_counter()
        try:
            done = stage(photo)
        except Exception as error:  # noqa: BLE001 — the boundary: one photo must not cost the others
            return settle_error(_with_time(photo, began), error, agent)
        return _with_time(done, began)

    return run


def settle_error(photo: PhotoRow, error: Exception, agent: str) -> PhotoRow:
    """Return ``photo`` settled as quarantined or failed, with the reason and a provenance event."""
    if isinstance(error, PhotoError):
        outcome, code, reason = Outcome.QUARANTINED, error.code, f"{error.problem}. {error.remedy}"
    elif isinstance(error, FixityError):
        outcome, code, reason = Outcome.QUARANTINED, FIXITY_ERROR, str(error)
    else:
        name = type(error).__name__
        reason = f"{name}: {error}" if str(error) else name
        outcome, code = Outcome.FAILED, _failure_code(error)
    detail: dict[str, object] = {"error_class": code, "reason": reason}
    if outcome is Outcome.FAILED:
        detail["trace"] = _short_trace(error)
    if code == FIXITY_ERROR:
        kind = EventType.FIXITY_CHECK
    else:
        kind = EventType.QUARANTINE if outcome is Outcome.QUARANTINED else EventType.MODIFICATION
    event = EventRecord(kind, outcome=EventOutcome.FAIL, detail=detail, agent=agent)
    return photo.settle(outcome, reason=reason, error_class=code, events=(event,))


def _failure_code(error: Exception) -> str:
    """Return the error's name, or the code of a trouble of the machine (`schemas.records.OUTSIDE_ERRORS`).

    An `OSError` without a number does not come from the machine: a library says so of the file. A photo for which a
    GPU's memory does not suffice may never fit.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return "machine"
    said = str(error)
    if (
        isinstance(error, RuntimeError)
        and "out of memory" not in said
        and ("CUDA" in said or "cuDNN" in said)
    ):
        return "cuda"
    return type(error).__name__


def _short_trace(error: Exception) -> str:
    lines = "".join(traceback.format_exception(error)).splitlines()
    return "\n".join(lines[-_TRACE_LINES:])


def _with_time(photo: PhotoRow, began: float) -> PhotoRow:
    seconds = photo.seconds + time.perf_counter() - began
    result = replace(photo.result, seconds=seconds) if photo.result is not None else None
    return replace(photo, seconds=seconds, result=result)
