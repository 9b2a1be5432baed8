"""A run that is told to stop ends in order, however it is told."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import signal, time
{before}
import typer
from cli.interrupts import stopped_in_order
app = typer.Typer()

@app.command()
def work():
    with stopped_in_order():
        try:
            print("working", flush=True)
            time.sleep(600 if not "{before}" else 2)
        finally:
            print("recorded", flush=True)

app()
"""


def stopped(*signals: signal.Signals, before: str = "") -> tuple[int, str, str]:
    """Return how a program ended that got the signals, and what it said."""
    command = [sys.executable, "-c", PROGRAM.format(before=before)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as working:
        assert working.stdout is not None
        assert working.stdout.readline() == "working\n"
        for one in signals:
            working.send_signal(one)
        out, err = working.communicate(timeout=120)
    return working.returncode, out, err


@pytest.mark.parametrize(
    "signals",
    [
        (signal.SIGINT,),
        (signal.SIGTERM,),
        (signal.SIGHUP,),
        (signal.SIGTERM, signal.SIGHUP, signal.SIGTERM),
    ],
)
def test_it_is_recorded_and_said(signals: tuple[signal.Signals, ...]) -> None:
    code, out, err = stopped(*signals)
    assert (code, out) == (130, "recorded\n")
    assert err.endswith("interrupted; the next run goes on where this one stopped\n")
    assert "Traceback" not in err


def test_what_was_started_to_outlive_its_terminal_does() -> None:
    ignored = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    assert stopped(signal.SIGHUP, before=ignored) == (0, "recorded\n", "")
