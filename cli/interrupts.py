"""How work is stopped in order: by Ctrl-C, by SIGTERM, or by a terminal that goes away (SIGHUP)."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import typer

from cli.exit_codes import EXIT_INTERRUPTED

RUN_LEFT = "the next run goes on where this one stopped"
_STOPPING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stopped_in_order(left: str = RUN_LEFT) -> Iterator[None]:
    """Let each way of being stopped end the block as Ctrl-C does: what is done is recorded, nothing stays half done.

    A SIGHUP that is ignored stays so: whoever started the command with ``nohup`` wants it to go on.

    Args:
        left: says how things are then.

    Raises:
        typer.Exit: the block was stopped; that has been said.
    """
    for number in _STOPPING:
        if number != signal.SIGHUP or signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)
    try:
        yield
    except KeyboardInterrupt:
        # Until the process is gone: at its very end Python takes back what it was told to do about signals itself.
        for number in _STOPPING:
            signal.signal(number, signal.SIG_IGN)
        _say(f"interrupted; {left}")
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _interrupt(number: int, frame: FrameType | None) -> None:
    # Who stops a service or closes a terminal may send one after the other; that is not to cut the ending short.
    # Not SIG_IGN yet: of one that has arrived already Python would complain.
    for other in _STOPPING:
        signal.signal(other, lambda *_: None)
    _say("terminating")
    raise KeyboardInterrupt


def _say(text: str) -> None:
    # A terminal that went away takes no word.
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)
