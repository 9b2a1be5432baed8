"""A run that is told to stop ends in order, however it is told."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flows.material import write_weights
from tests.flows.restored import small_archive

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

COMMAND = """
import os, time
from cli.main import main
from cli.watcher import Watcher

def stay(watcher, progress):
    os.write(1, b"working\\n")
    time.sleep(600)

Watcher.progress = stay
main()
"""


def stopped(*signals: signal.Signals, before: str = "") -> tuple[int, str, str]:
    """Return how a program ended that got the signals, and what it said."""
    return ended([sys.executable, "-c", PROGRAM.format(before=before)], *signals)


def ended(command: list[str], *signals: signal.Signals) -> tuple[int, str, str]:
    """Return how a command ended that got the signals once it said that it is working, and what it said then."""
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


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("small")
    return small_archive(folder, write_weights(tmp_path_factory.mktemp("weights"))).destination


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("export", "bag", "{package}", "--catalog", "{archive}"), "nothing was exported"),
        (("verify", "--catalog", "{archive}"), "the next check begins from the start"),
        (("catalog", "rebuild", "{archive}", "--catalog", "{new}"), "it does what is left"),
    ],
)
def test_other_long_commands_say_so_too_and_leave_nothing_half_done(
    archive: str, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    places = {"archive": archive, "package": tmp_path / "package", "new": f"sqlite:///{tmp_path}/new.db"}
    given = [one.format(**places) for one in arguments]
    code, out, err = ended([sys.executable, "-c", COMMAND, *given], signal.SIGTERM)
    assert (code, out) == (130, "")
    assert err.splitlines()[-1].startswith("interrupted; ")
    assert err.rstrip().endswith(said)
    assert not (tmp_path / "package").exists()
