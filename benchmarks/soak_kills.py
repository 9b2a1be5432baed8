"""Random ``kill -9`` over a long run: whatever is killed, every photo ends with one outcome and nothing is torn.

    python -m benchmarks.soak_kills                                 # 20 kills over 200 photographs
    python -m benchmarks.soak_kills --number 12 --kills 3 --photos FOLDER

A run of `oldphoto restore` is started again whenever it has died, with the same command and nothing else, until
the kills are spent and a run ends by itself. Each kill takes a random process of the run: the driver, a worker,
Ray's node manager or one of its servers. Afterwards masters, files and catalog are examined.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks.common import PHOTOS, lay_out, report

DEADLINE = 3600.0
"""Seconds that one attempt may last before it counts as hanging."""


@dataclass
class Soak:
    """What happened.

    ``killed`` counts the kinds of processes, ``runs`` the starts, ``codes`` the exit codes of runs that ended by
    themselves.
    """

    seed: int
    killed: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    codes: list[int] = field(default_factory=list)


def main() -> None:
    """Run, kill, examine, report; exit with 1 where anything is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, default=PHOTOS, help="folder of photographs")
    parser.add_argument("--number", type=int, default=200)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--least", type=float, default=2.0, help="seconds between kills, at least")
    parser.add_argument("--most", type=float, default=20.0, help="and at most")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="oldphoto-soak-") as name:
        folder = Path(name)
        scans = lay_out(given.photos, folder / "scans", given.number)
        masters = digests(scans)
        soak = torment(folder, given.kills, given.seed, (given.least, given.most))
        problems = examine(folder, masters)
    figures: dict[str, Any] = {
        "photos": given.number,
        "seed": soak.seed,
        "kills": soak.killed.total(),
        "killed": dict(soak.killed),
        "runs": soak.runs,
        "exit_codes": soak.codes,
        "problems": problems,
    }
    report("soak_kills", figures)
    sys.exit(1 if problems else 0)


def torment(
    folder: Path, kills: int, seed: int, pause: tuple[float, float], options: Sequence[str] = ()
) -> Soak:
    """Start the run again and again, killing one of its processes at random moments.

    Args:
        folder: holds ``scans``; results go to ``out`` in it.
        kills: how many processes are killed.
        seed: of the choice of moments and victims.
        pause: the least and the most seconds between two kills.
        options: further ones for ``oldphoto restore``.
    """
    chance = random.Random(seed)
    soak = Soak(seed)
    left = kills
    while True:
        mark = f"OLDPHOTO_SOAK={uuid4().hex}"
        running = start(folder, mark, options)
        soak.runs += 1
        began = time.monotonic()
        while running.poll() is None:
            if time.monotonic() - began > DEADLINE:
                sys.exit(f"the run hangs: {DEADLINE:.0f} s without an end")
            if left == 0:
                with suppress(subprocess.TimeoutExpired):
                    running.wait(5)
                continue
            with suppress(subprocess.TimeoutExpired):
                running.wait(chance.uniform(*pause))
            if running.poll() is None and (victim := kill_one(mark, chance)) is not None:
                soak.killed[victim] += 1
                left -= 1
        clean_up(mark)
        if running.returncode >= 0:
            soak.codes.append(running.returncode)
        if running.returncode in (0, 3) and left == 0:
            return soak
        if running.returncode in (0, 3):
            # Finished before the kills were spent: take away some of the work's record and go on.
            restart(folder)


def start(folder: Path, mark: str, options: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start the command; every process of it carries ``mark`` in its environment."""
    name, _, value = mark.partition("=")
    places = [str(folder / "scans"), str(folder / "out")]
    command = [sys.executable, "-m", "cli.main", "restore", *places, *options, "--json"]
    return subprocess.Popen(
        command,
        cwd=Path(__file__).parents[1],
        env={**os.environ, name: value},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def restart(folder: Path) -> None:
    """Begin anew in an empty destination, because a finished run has nothing left to be killed at."""
    shutil.rmtree(folder / "out")


def processes(mark: str) -> dict[int, str]:
    """Return the processes that carry ``mark``: number and kind."""
    found: dict[int, str] = {}
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark.encode() in (place / "environ").read_bytes().split(b"\0"):
                found[int(place.name)] = kind_of((place / "cmdline").read_bytes())
    return found


def kind_of(command: bytes) -> str:
    """Name a process by its command line."""
    words = command.replace(b"\0", b" ").decode(errors="replace")
    for kind, sign in (
        ("worker", "ray::"),
        ("driver", "cli.main restore"),
        ("node manager", "raylet/raylet"),
        ("control store", "gcs_server"),
        ("database server", "prefect"),
    ):
        if sign in words:
            return kind
    return "helper"


def kill_one(mark: str, chance: random.Random) -> str | None:
    """Kill a random process; drivers and workers are as likely as all others together."""
    found = processes(mark)
    if not found:
        return None
    kind = chance.choice(sorted(set(found.values())))
    number = chance.choice(sorted(number for number, its in found.items() if its == kind))
    with suppress(ProcessLookupError):
        os.kill(number, signal.SIGKILL)
        return kind
    return None


def clean_up(mark: str) -> None:
    """End what a killed driver left behind, by number: servers that would otherwise share the machine."""
    for number in processes(mark):
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def examine(folder: Path, masters: dict[str, str]) -> list[str]:
    """Return everything that is wrong with masters, files and catalog; nothing, as a rule."""
    from schemas.repository import Catalog

    problems = []
    out = folder / "out"
    if digests(folder / "scans") != masters:
        problems.append("masters have changed")
    with Catalog.open(f"sqlite:///{out / 'catalog.db'}", create=False) as catalog:
        rows = [
            row
            for outcome in ("done", "skipped", "quarantined", "failed")
            for row in catalog.flagged(outcome=outcome, limit=len(masters) + 1)
        ]
        last = catalog.runs()[0]
    outcomes = Counter(row["key"] for row in rows)
    if sorted(outcomes) != sorted(masters) or set(outcomes.values()) != {1}:
        problems.append(f"{outcomes.total()} outcomes of {len(outcomes)} photos, {len(masters)} expected")
    bad = Counter(row["outcome"] for row in rows if row["outcome"] in ("quarantined", "failed"))
    if bad:
        problems.append(f"sound photos were given up: {dict(bad)}")
    if last["state"] != "completed" or last["pending"]:
        problems.append(f"the last run is {last['state']} with {last['pending']} photos pending")
    recorded = {row[name] for row in rows for name in ("restored", "mask") if row[name]}
    pictures = [path for name in ("restored", "masks") for path in (out / name).rglob("*") if path.is_file()]
    problems += [f"{path} is recorded nowhere" for path in pictures if str(path.resolve()) not in recorded]
    problems += [f"{path} is missing" for path in recorded if not Path(path).is_file()]
    problems += [f"{path} is torn" for path in pictures if not is_whole(path)]
    left = [path for path in out.rglob("*") if path.name.startswith(".")]
    problems += [f"{path} was left behind" for path in left]
    return problems


def is_whole(path: Path) -> bool:
    """Return whether a picture can be decoded to its last pixel."""
    from oldphoto_core.errors import PhotoError
    from oldphoto_core.image_io import decode

    try:
        decode(path.read_bytes(), key=path.name)
    except PhotoError:
        return False
    return True


if __name__ == "__main__":
    main()
