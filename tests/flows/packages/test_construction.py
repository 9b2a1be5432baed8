"""A folder gets one package, whole or not at all, however many exports are begun there and however they end."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import bagit
import pytest

from flows.package_files import under_construction
from flows.packages import FORMS, Form
from flows.progress import Nobody, Progress, listening
from oldphoto_core.errors import StorageError, UsageError
from schemas.repository import Catalog
from storage.new_files import partial_name
from tests.flows.packages.exporting import BASE, export, killed_export


class AfterEachPhoto(Nobody):
    """Does something to an export that is at work."""

    def __init__(self, act: Callable[[int], object]) -> None:
        self.act = act

    def progress(self, progress: Progress) -> None:
        self.act(progress.finished)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def strangers_part(destination: Path) -> Path:
    """Return a folder that another computer is filling."""
    part = destination / ".oldphoto-another-host-1-0123456789abcdef.part"
    (part / "data").mkdir(parents=True)
    (part / "data" / "x").write_bytes(b"half")
    return part


def aged(*paths: Path) -> None:
    yesterday = time.time() - 25 * 3600
    for path in paths:
        os.utime(path, (yesterday, yesterday))


def test_a_second_export_into_the_same_folder_is_refused_and_harms_nothing(
    archive: Catalog, tmp_path: Path
) -> None:
    bag, refused = tmp_path / "bag", []

    def begin_another(_: int) -> None:
        with pytest.raises(UsageError, match=r"is writing into .*bag.*Wait.*another folder") as error:
            export(archive, bag, "premis")
        refused.append(error)

    with listening(AfterEachPhoto(begin_another)):
        found = export(archive, bag, "bag")
    assert len(refused) == 7
    assert len(files(bag / "data")) == found["files"]
    bagit.Bag(str(bag)).validate()
    assert not list(bag.glob(".*"))


def test_one_that_looked_before_the_other_began_is_refused(tmp_path: Path) -> None:
    with under_construction(tmp_path / "x") as part:
        (part / "first").write_bytes(b"1")
        with (
            pytest.raises(UsageError, match=r"Wait.*another folder"),
            under_construction(tmp_path / "x"),
        ):
            pytest.fail("two at once")
        assert [path.name for path in part.iterdir()] == ["first"]
    with pytest.raises(UsageError, match="not empty"), under_construction(tmp_path / "x"):
        pytest.fail("where a package is already")
    assert files(tmp_path) == [tmp_path / "x" / "first"]


def test_of_two_that_begin_at_the_same_moment_one_writes_at_most(tmp_path: Path) -> None:
    began, decided, written = threading.Barrier(2), threading.Barrier(2), []

    def begin(folder: Path) -> None:
        began.wait(60)
        try:
            with under_construction(folder) as part:
                written.append((folder, part))
                (part / "x").write_bytes(part.name.encode())
                decided.wait(60)
        except UsageError:
            decided.wait(60)

    for turn in range(50):
        folder = tmp_path / f"{turn}"
        folder.mkdir()
        both = [threading.Thread(target=begin, args=(folder,)) for _ in range(2)]
        for one in both:
            one.start()
        for one in both:
            one.join()
        parts = [part for place, part in written if place == folder]
        assert len(parts) <= 1
        assert [path.read_bytes() for path in folder.iterdir()] == [part.name.encode() for part in parts]


def test_what_a_killed_export_left_goes_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    left = killed_export(tmp_path)
    assert files(left)
    with under_construction(tmp_path):
        assert not left.exists()
    part = strangers_part(tmp_path)
    # A folder's own time is that of what was put into it directly: deeper ones tell how lately it was filled.
    aged(part)
    with pytest.raises(UsageError, match=r"another-host"), under_construction(tmp_path):
        pytest.fail("beside another computer")
    assert files(part)
    aged(part, part / "data")
    with under_construction(tmp_path):
        assert not part.exists()


def test_a_temporary_file_of_a_writer_who_lives_is_no_empty_folder(tmp_path: Path) -> None:
    theirs = tmp_path / partial_name()
    theirs.write_bytes(b"half")
    with pytest.raises(UsageError, match="Wait"), under_construction(tmp_path):
        pytest.fail("beside another writer")
    assert list(tmp_path.iterdir()) == [theirs]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("loss", ["a file", "everything"])
def test_what_was_written_and_is_gone_is_not_announced(
    archive: Catalog, tmp_path: Path, form: Form, loss: str
) -> None:
    def lose(finished: int) -> None:
        if finished == 4:
            (part,) = (tmp_path / "new").iterdir()
            if loss == "everything":
                shutil.rmtree(part)
            else:
                files(part)[0].unlink()

    with (
        listening(AfterEachPhoto(lose)),
        pytest.raises(StorageError, match=r"of \d+ files .*again"),
    ):
        export(archive, tmp_path / "new", form, base_url=BASE if form == "iiif" else None)
    assert not any(tmp_path.iterdir())


def test_files_that_somebody_put_there_meanwhile_are_left_alone(tmp_path: Path) -> None:
    def build() -> None:
        with under_construction(tmp_path) as part:
            (part / "bagit.txt").write_bytes(b"ours")
            (tmp_path / "bagit.txt").write_bytes(b"theirs")

    with pytest.raises(StorageError, match="meanwhile"):
        build()
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("bagit.txt", b"theirs")]


@pytest.mark.parametrize("is_new", [True, False])
def test_an_interrupted_export_leaves_nothing(archive: Catalog, tmp_path: Path, is_new: bool) -> None:
    folder = tmp_path / "bag"
    if not is_new:
        folder.mkdir()

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with listening(AfterEachPhoto(interrupt)), pytest.raises(KeyboardInterrupt):
        export(archive, folder, "bag")
    assert list(tmp_path.rglob("*")) == ([] if is_new else [folder])


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(5, "Input/output error")])
def test_a_package_that_is_interrupted_while_it_takes_its_place_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    ours, moved = Path.rename, []

    def stopped(path: Path, target: Path) -> Path:
        moved.append(target)
        if len(moved) == 2:
            raise error
        return ours(path, target)

    def build() -> None:
        with under_construction(tmp_path / "bag") as part:
            for name in ("bagit.txt", "data", "manifest"):
                (part / name).write_bytes(b"x")

    monkeypatch.setattr(Path, "rename", stopped)
    with pytest.raises((KeyboardInterrupt, StorageError)):
        build()
    assert not any(tmp_path.iterdir())
