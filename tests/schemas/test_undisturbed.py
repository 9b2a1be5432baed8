"""A signal that comes in the middle of a transaction acts once it has ended, and then surely."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

import pytest
import sqlalchemy as sa

from schemas import session
from schemas.repository import Catalog
from schemas.undisturbed import Undisturbed


class Asked(BaseException):
    """Somebody asked this process to stop."""


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise Asked(number)


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    """SIGTERM raises, as it does in a run; SIGHUP is ignored, as under ``nohup``."""
    before = signal.signal(signal.SIGTERM, _stop), signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGTERM, before[0])
    signal.signal(signal.SIGHUP, before[1])


def test_a_transaction_that_is_asked_to_stop_at_its_beginning_is_committed(catalog: Catalog) -> None:
    def ask(connection: sa.Connection) -> None:
        signal.raise_signal(signal.SIGTERM)

    sa.event.listen(catalog.engine, "begin", ask)
    with pytest.raises(Asked):
        catalog.collection_id("albums")
    sa.event.remove(catalog.engine, "begin", ask)
    with session.read(catalog.engine) as connection:
        assert connection.scalar(sa.text("SELECT name FROM collection")) == "albums"
    assert signal.getsignal(signal.SIGTERM) is _stop


def test_one_that_fails_is_rolled_back_and_then_the_signal_acts(catalog: Catalog) -> None:
    def failing() -> None:
        with session.write(catalog.engine):
            signal.raise_signal(signal.SIGTERM)
            raise ValueError("broken")

    with pytest.raises(Asked) as raised:
        failing()
    assert isinstance(raised.value.__context__, ValueError)
    catalog.collection_id("albums")


def test_whoever_asks_twice_does_not_wait() -> None:
    asked = 0

    def ask() -> None:
        nonlocal asked
        with Undisturbed():
            for _ in range(3):
                asked += 1
                signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Asked):
        ask()
    assert asked == 2
    assert signal.getsignal(signal.SIGTERM) is _stop


def test_what_is_ignored_stays_ignored() -> None:
    with Undisturbed():
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        signal.raise_signal(signal.SIGHUP)


def test_handlers_that_the_block_sets_stay() -> None:
    with Undisturbed():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


def test_another_thread_leaves_the_handlers_alone() -> None:
    seen = []

    def look() -> None:
        with Undisturbed():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [_stop]
