"""How a command ends whose work is done and recorded, while Prefect's server does not take the news.

Prefect asks a server that is away for a minute, and one that accepts and does not answer for seven, for each thing
that it has to tell it; what then is left it tells at the very end of the process, without any limit.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Timer

import typer

from actors.errors import EngineError
from cli.exit_codes import EXIT_FAILED
from cli.interrupts import stopped_in_order
from cli.watcher import Watcher

PATIENCE_S = 60.0


@contextmanager
def concluding(conclude: Callable[[Watcher], int]) -> Iterator[Watcher]:
    """Surround a flow that this process runs: its result is said once, however the flow ends, and is the exit code.

    Args:
        conclude: prints what the watcher has heard, and returns the exit code.

    Raises:
        typer.Exit: the exit code is not 0, or somebody stopped the flow.
        EngineError: see `Ending.in_time`.
    """

    def say() -> int:
        watcher.bar.stop()
        return conclude(watcher)

    ending = Ending(say)
    watcher = Watcher(ending.known)
    with stopped_in_order(), ending.in_time(), watcher:
        yield watcher
    if code := ending.said():
        raise typer.Exit(code)


class Ending:
    """Says once what came of the work, also if Prefect cannot be told.

    Args:
        say: says it and returns the exit code.
        patience: how many seconds telling Prefect may take once that is known.
    """

    def __init__(self, say: Callable[[], int], patience: float = PATIENCE_S) -> None:
        self._say, self._once = say, Lock()
        self._code: int | None = None
        self._timer = Timer(patience, self._leave, ["Prefect's server does not answer."])
        self._timer.daemon = True

    def known(self) -> None:
        """Hear that the result is known: from now on nobody waits for Prefect for long."""
        self._timer.start()

    @contextmanager
    def in_time(self) -> Iterator[None]:
        """Surround what tells Prefect. Where that fails or takes too long, the process ends inside.

        Raises:
            EngineError: Prefect could not be told, and the result is not known yet.
        """
        try:
            yield
        except EngineError as error:
            if not self._timer.is_alive():
                raise
            self._leave(str(error))
        finally:
            self._timer.cancel()

    def said(self) -> int:
        """Say the result, unless it has been said; return the exit code."""
        with self._once:
            if self._code is None:
                self._code = self._say()
            return self._code

    def _leave(self, reason: str) -> None:
        """End the process at once, with the result's exit code: what Prefect has left to tell is in its way."""
        try:
            code = self.said()
            sys.stdout.flush()
        except OSError as error:
            code, reason = EXIT_FAILED, f"Standard output cannot be written: {error.strerror}. {reason}"
        with suppress(OSError):
            words = f"{reason} All of it is in the catalog; Prefect's pages may call this run unfinished."
            print(f"oldphoto: {words}", file=sys.stderr, flush=True)
        os._exit(code)
