"""A destination that takes nothing any more ends the run; what was not done stays pending."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path

import pytest

from actors.rows import OutcomeRow
from flows.breaker import Breaker
from flows.recording import recorded_run
from flows.request import RestoreRequest
from flows.restore_archive import ingest_source, plan_work, restore_photos
from flows.workplace import Workplace, open_workplace
from oldphoto_core.errors import StorageError
from oldphoto_core.photo import Outcome
from schemas.records import DESTINATION_ERROR
from tests.flows.material import write_photos


class Clock:
    """Tells the seconds that it is told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def ended(outcome: Outcome, error: str | None = None) -> OutcomeRow:
    return OutcomeRow(1, "a.tif", "0" * 64, outcome, reason="The disk is full.", error_class=error)


REFUSED = ended(Outcome.FAILED, DESTINATION_ERROR)


def test_many_refusals_in_a_row_for_long_enough_end_a_run() -> None:
    clock = Clock()
    breaker = Breaker(3, 60, clock)
    breaker.hear([REFUSED, REFUSED, REFUSED])
    clock.now = 59
    breaker.hear([REFUSED])
    clock.now = 60
    with pytest.raises(StorageError, match=r"refused 5 photographs in a row.*a\.tif: The disk is full\."):
        breaker.hear([REFUSED])


@pytest.mark.parametrize("written", [Outcome.DONE, Outcome.SKIPPED])
def test_a_photo_that_was_written_makes_up_for_all_refusals(written: Outcome) -> None:
    breaker = Breaker(2, 0)
    breaker.hear([REFUSED, ended(written), REFUSED])
    with pytest.raises(StorageError):
        breaker.hear([REFUSED])


def test_what_says_nothing_of_the_destination_neither_counts_nor_makes_up() -> None:
    breaker = Breaker(2, 0)
    breaker.hear([ended(Outcome.FAILED, "StorageError"), ended(Outcome.QUARANTINED, "unreadable")] * 2)
    breaker.hear([REFUSED, ended(Outcome.FAILED, "StorageError"), ended(Outcome.QUARANTINED, "unreadable")])
    with pytest.raises(StorageError):
        breaker.hear([REFUSED])


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def restored(place: Workplace, *, writing: Callable[[], AbstractContextManager[object]] = nullcontext) -> int:
    """Do what the flow does; ``writing`` surrounds the restoring. Return how many photos were done."""
    with recorded_run(place, None) as run:
        ingest_source.fn(place, run)
        plan = plan_work.fn(place, run)
        with writing():
            restore_photos.fn(place, run, plan)
    return place.catalog.counts(run.id)["done"]


@contextmanager
def on_a_full_disk() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("storage.new_files._write_through", full)
        patch.setattr("flows.restore_archive.Breaker", partial(Breaker, 2, 0))
        yield


def test_a_full_disk_ends_the_run_and_the_next_one_goes_on(request_: RestoreRequest, scans: Path) -> None:
    write_photos(scans, 4)
    with open_workplace(request_) as place:
        with pytest.raises(StorageError, match="free some space and run again"):
            restored(place, writing=on_a_full_disk)
        (told,) = place.catalog.runs()
        assert told["state"] == "failed"
        # Those that came in one batch with the second are recorded too.
        assert told["failed"] >= 2
        assert told["failed"] + told["pending"] == 4
        assert restored(place) == 4
