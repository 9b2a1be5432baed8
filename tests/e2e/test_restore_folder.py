"""`oldphoto restore` on a folder: what it promises to somebody who only sees its files, output and exit code."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import cv2
import pytest

from schemas.repository import Catalog
from tests.e2e.conftest import Command, end_group, start_oldphoto, wait_until
from tests.flows.material import fingerprints, write_broken, write_photos

pytestmark = pytest.mark.e2e

OUTCOMES = ("done", "skipped", "quarantined", "failed", "pending")


def adds_up(summary: dict[str, int]) -> bool:
    return summary["inputs"] == summary["already_done"] + sum(summary[name] for name in OUTCOMES)


def test_an_archive_is_restored_once_and_its_masters_stay_as_they_are(
    oldphoto_alone: Command, tmp_path: Path, weights: Path
) -> None:
    scans, archive = tmp_path / "scans", tmp_path / "archive"
    write_photos(scans, 4)
    write_broken(scans)
    masters = fingerprints(scans)

    first = oldphoto_alone("restore", scans, archive, "--weights", weights, "--json")
    assert first.code == 3, first.err
    assert first.out.count("\n") == 1
    assert adds_up(first.summary)
    assert (first.summary["inputs"], first.summary["done"], first.summary["quarantined"]) == (6, 4, 2)
    for folder, suffix in (
        ("restored", ".png"),
        ("masks", ".png"),
        ("probability", ".png"),
        ("sidecars", ".json"),
    ):
        made = sorted(
            path.relative_to(archive / folder).as_posix() for path in (archive / folder).rglob("*.*")
        )
        assert made == sorted(
            [f"{name}{suffix}" for name in ("album/photo-002", "photo-000", "photo-001", "photo-003")]
        )
    mask = cv2.imread(str(archive / "masks" / "photo-000.png"), cv2.IMREAD_UNCHANGED)
    assert mask is not None
    assert mask.shape == (72, 96)
    assert (archive / "report.html").is_file()
    assert fingerprints(scans) == masters

    second = oldphoto_alone("restore", scans, archive, "--weights", weights, "--json")
    assert second.code == 0
    assert adds_up(second.summary)
    assert (second.summary["already_done"], second.summary["done"]) == (6, 0)
    earlier = fingerprints(archive / "restored")

    write_photos(scans, 5)
    third = oldphoto_alone("restore", scans, archive, "--weights", weights, "--json", "--executor", "inline")
    assert third.code == 0
    assert (third.summary["already_done"], third.summary["done"]) == (6, 1)
    assert earlier.items() <= fingerprints(archive / "restored").items()
    assert third.summary["recipe"] == first.summary["recipe"]


def test_prefect_is_not_told_the_catalogs_password(
    oldphoto: Command, tmp_path: Path, environment: dict[str, str]
) -> None:
    write_photos(tmp_path / "scans", 1)
    catalog = f"postgresql://me:hunter2@/archive?host={tmp_path}"
    ended = oldphoto("restore", "scans", "results", "--dry-run", "--catalog", catalog)
    assert ended.code == 1, ended.err
    stored = b"".join(file.read_bytes() for file in Path(environment["PREFECT_HOME"]).rglob("*.db*"))
    assert tmp_path.name.encode() in stored, "the run's parameters"
    assert b"hunter2" not in stored + (ended.out + ended.err).encode()


def test_people_get_a_table_and_pipes_get_no_progress(
    oldphoto: Command, tmp_path: Path, weights: Path
) -> None:
    write_photos(tmp_path / "scans", 1)
    ended = oldphoto(
        "restore", tmp_path / "scans", tmp_path / "archive", "--weights", weights, "--executor", "inline"
    )
    assert ended.code == 0, ended.err
    assert "restored" in ended.out
    assert str(tmp_path / "archive" / "report.html") in ended.out
    assert "Stage faces was off" in ended.out
    assert ended.err == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("no-such-folder", "archive"), "not a folder"),
        (("scans", "scans"), "kept apart"),
        (("scans", "s3://bucket/archive"), "--catalog"),
        (("scans", "archive", "--tier", "perfect"), "conserved, restored, enhanced"),
        (("scans", "archive", "--limit", "0"), "limit"),
        (("scans",), "DESTINATION"),
    ],
)
def test_wrong_usage_is_exit_code_2(
    oldphoto: Command, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    write_photos(tmp_path / "scans", 1)
    ended = oldphoto("restore", *arguments)
    assert ended.code == 2
    assert words in ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "archive").exists()


def test_a_run_that_cannot_be_is_exit_code_1(oldphoto: Command, tmp_path: Path) -> None:
    write_photos(tmp_path / "scans", 1)
    (tmp_path / "empty").mkdir()
    ended = oldphoto("restore", "scans", "archive", "--weights", "empty")
    assert ended.code == 1
    assert "oldphoto train" in ended.err
    assert "Traceback" not in ended.err


def test_a_dry_run_writes_nothing(oldphoto: Command, tmp_path: Path, weights: Path) -> None:
    write_photos(tmp_path / "scans", 2)
    ended = oldphoto("restore", "scans", "archive", "--weights", weights, "--dry-run", "--json")
    assert ended.code == 0, ended.err
    assert (ended.summary["inputs"], ended.summary["pending"]) == (2, 2)
    assert not (tmp_path / "archive").exists()


def test_what_the_source_lacks_is_told_everywhere(oldphoto: Command, tmp_path: Path, weights: Path) -> None:
    (photo,) = write_photos(tmp_path / "scans", 1)
    digest = sha256(photo.read_bytes()).hexdigest()
    (tmp_path / "manifest").write_text(f"{digest}  {photo.name}\n{digest}  lost.tif\n")
    command = ("restore", "scans", "archive", "--weights", weights, "--executor", "inline")
    for flags in ((), ("--json",)):
        ended = oldphoto(*command, "--manifest", "manifest", *flags)
        assert ended.code == 3, ended.err
        assert "lost.tif" in ended.out
        assert "lost.tif" in (tmp_path / "archive" / "report.html").read_text(encoding="utf-8")
    assert (ended.summary["already_done"], ended.summary["missing"]) == (1, 1)
    assert oldphoto(*command, "--json").code == 0


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds what a killed driver leaves through /proc")
@pytest.mark.parametrize("executor", ["inline", "ray"])
def test_a_killed_run_is_finished_by_the_next_one(
    oldphoto: Command, with_server: dict[str, str], tmp_path: Path, weights: Path, executor: str
) -> None:
    scans, archive = tmp_path / "scans", tmp_path / "archive"
    photos = write_photos(scans, 10, width=160, height=120)
    command = ("restore", scans, archive, "--weights", weights, "--executor", executor, "--json")
    killed = start_oldphoto(command, with_server, tmp_path)
    try:
        wait_until(
            lambda: any((archive / "restored").rglob("*.png")) or killed.poll() is not None,
            "a first derivative",
        )
    finally:
        end_group(killed, signal.SIGKILL)
        killed.communicate()
    before = fingerprints(archive / "restored")
    assert before

    ended = oldphoto(*command)
    assert ended.code == 0, ended.err
    assert adds_up(ended.summary)
    assert ended.summary["already_done"] + ended.summary["done"] == len(photos)
    assert ended.summary["pending"] == 0
    assert before.items() <= fingerprints(archive / "restored").items()
    for photo in photos:
        stem = photo.relative_to(scans).with_suffix(".png")
        picture = cv2.imread(str(archive / "restored" / stem), cv2.IMREAD_UNCHANGED)
        assert picture is not None
        assert picture.shape == (120, 160, 3)
    made = [path for path in (archive / "restored").rglob("*") if path.is_file()]
    assert len(made) == len(photos)
    assert not [path for path in archive.rglob("*") if path.name.startswith(".") or path.suffix == ".part"]
    with Catalog.open(f"sqlite:///{archive / 'catalog.db'}") as catalog:
        rows = catalog.flagged(outcome="done", limit=100)
        states = [run["state"] for run in catalog.runs()]
    assert sorted(row["key"] for row in rows) == sorted(path.relative_to(scans).as_posix() for path in photos)
    assert states[0] == "completed"
    assert set(states[1:]) <= {"crashed", "completed"}


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for left processes in /proc")
@pytest.mark.parametrize(("executor", "asked"), [("inline", signal.SIGHUP), ("ray", signal.SIGTERM)])
def test_being_asked_to_stop_is_recorded_and_leaves_nothing_behind(
    environment: dict[str, str], tmp_path: Path, weights: Path, executor: str, asked: signal.Signals
) -> None:
    scans, archive = tmp_path / "scans", tmp_path / "archive"
    write_photos(scans, 200, width=320, height=240)
    command = ("restore", scans, archive, "--weights", weights, "--executor", executor)
    mark = f"OLDPHOTO_STOPPED={archive}"
    stopped = start_oldphoto(command, {**environment, "OLDPHOTO_STOPPED": str(archive)}, tmp_path)
    wait_until(
        lambda: any((archive / "restored").rglob("*.png")) or stopped.poll() is not None, "a first derivative"
    )
    os.kill(stopped.pid, asked)
    _, err = stopped.communicate(timeout=120)
    assert stopped.returncode == 130, err
    assert "Traceback" not in err
    with Catalog.open(f"sqlite:///{archive / 'catalog.db'}") as catalog:
        (run,) = catalog.runs()
    assert run["state"] == "crashed"
    assert run["done"] + run["pending"] == 200
    assert not [path for path in archive.rglob("*") if path.name.startswith(".")]
    wait_until(lambda: not _marked(mark), "its processes to be gone", 60)


def _marked(mark: str) -> list[str]:
    """Return the processes whose environment holds ``mark``."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark.encode() in (place / "environ").read_bytes().split(b"\0"):
                found.append(place.name)
    return found
