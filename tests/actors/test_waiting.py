"""Waiting for a generator in another thread: all comes once, in order, and nothing is waited for without end."""

from __future__ import annotations

import logging
import signal
from collections.abc import Generator
from threading import Event

import pytest
from prefect.exceptions import TerminationSignal

from actors.waiting import OverdueError, within

LONG = 60.0


def test_everything_comes_once_and_in_order() -> None:
    assert list(within(LONG, lambda: (number for number in range(100)))) == list(range(100))


def test_an_error_comes_where_it_was_raised() -> None:
    def failing() -> Generator[int]:
        yield 1
        raise ValueError("broken")

    made = within(LONG, failing)
    assert next(made) == 1
    with pytest.raises(ValueError, match="broken"):
        next(made)


def test_what_does_not_come_is_given_up() -> None:
    never = Event()

    def hanging() -> Generator[int]:
        yield 1
        never.wait()

    made = within(0.1, hanging)
    assert next(made) == 1
    with pytest.raises(OverdueError, match="nothing came"):
        next(made)
    never.set()


def test_waiting_ends_where_somebody_sees_that_it_is_of_no_use() -> None:
    never, looks = Event(), 0

    def hanging() -> Generator[int]:
        never.wait()
        yield 1

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        next(within(LONG, hanging, look))
    never.set()


def test_who_stops_early_has_the_generator_closed() -> None:
    closed = Event()

    def endless() -> Generator[int]:
        try:
            number = 0
            while True:
                number += 1
                yield number
        finally:
            closed.set()

    made = within(LONG, endless)
    assert next(made) == 1
    made.close()
    assert closed.wait(LONG)


@pytest.mark.parametrize("interrupt", [None, KeyboardInterrupt(), TerminationSignal(signal.SIGTERM)])
def test_what_waits_for_long_is_stopped_and_closed_before_its_caller_goes_on(
    interrupt: BaseException | None,
) -> None:
    told, closed = Event(), Event()

    def waiting_for_long() -> Generator[int]:
        try:
            yield 1
            assert told.wait(LONG)
        finally:
            closed.set()

    def look() -> None:
        assert interrupt is not None
        raise interrupt

    made = within(LONG, waiting_for_long, look, told.set)
    assert next(made) == 1
    if interrupt is None:
        made.close()
    else:
        with pytest.raises(type(interrupt)):
            next(made)
    assert closed.is_set()


def test_what_hangs_is_not_asked_to_stop() -> None:
    never, told = Event(), Event()

    def hanging() -> Generator[int]:
        never.wait()
        yield 1

    with pytest.raises(OverdueError):
        next(within(0.1, hanging, stop=told.set))
    assert not told.is_set()
    never.set()


def test_what_cannot_be_stopped_is_closed_with_its_next_item(caplog: pytest.LogCaptureFixture) -> None:
    # Ray's logger has pytest's handlers too, and a session of Ray's raises their level.
    caplog.set_level(logging.WARNING)
    go_on = Event()

    def waiting() -> Generator[int]:
        yield 1
        assert go_on.wait(LONG)
        yield 2

    def failing() -> None:
        go_on.set()
        raise RuntimeError("no answer")

    made = within(LONG, waiting, stop=failing)
    assert next(made) == 1
    made.close()
    assert "no answer" in caplog.text
