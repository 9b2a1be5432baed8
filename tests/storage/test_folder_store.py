"""What only a folder can do wrong."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from oldphoto_core.errors import StorageError, UnwritableKeyError, UsageError
from storage import FolderStore, Store, open_store
from storage.folder import _stored


@pytest.fixture
def folder(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store", create=True)


def keys(store: Store) -> list[str]:
    return [one.key for one in store.list()]


def test_hidden_and_temporary_files_are_not_listed(folder: FolderStore) -> None:
    for name in (".DS_Store", ".oldphoto-host-1-0123456789abcdef.part", ".git/config", "x.tif", "a/.b/c.tif"):
        path = folder.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    assert keys(folder) == ["x.tif"]


def test_links_are_followed_to_files_inside_only(folder: FolderStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.tif").write_bytes(b"secret")
    (folder.root / "real.tif").write_bytes(b"real")
    (folder.root / "inside.tif").symlink_to(folder.root / "real.tif")
    (folder.root / "leads-out.tif").symlink_to(outside / "secret.tif")
    (folder.root / "folder-out").symlink_to(outside)
    (folder.root / "loop").symlink_to(folder.root)
    (folder.root / "broken.tif").symlink_to(folder.root / "nowhere")
    (folder.root / "itself.tif").symlink_to(folder.root / "itself.tif")
    assert keys(folder) == ["inside.tif", "real.tif"]
    for key in ("leads-out.tif", "folder-out/secret.tif", "../outside/secret.tif"):
        assert not folder.exists(key)
        with pytest.raises(StorageError):
            folder.read(key)


def told(store: Store) -> dict[str, str]:
    """List, and return what was left out and why."""
    found: dict[str, str] = {}
    list(store.list(found.__setitem__))
    return found


def test_a_file_that_goes_while_its_folder_is_listed_is_no_loss(folder: FolderStore, tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c.png"):
        (folder.root / name).write_bytes(b"x")
    found: dict[str, str] = {}
    listing = folder.list(found.__setitem__)
    assert next(listing).key == "a.png"
    (folder.root / "b.png").unlink()
    assert [one.key for one in listing] == ["c.png"]
    assert found == {}


def test_what_is_left_out_is_told_where_a_photo_may_be_lost(folder: FolderStore, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (folder.root / "inside").mkdir()
    (folder.root / ".hidden").write_bytes(b"x")
    (folder.root / "twice").symlink_to(folder.root / "inside")
    (folder.root / "out").symlink_to(tmp_path / "outside")
    (folder.root / "broken.tif").symlink_to(folder.root / "nowhere")
    (folder.root / "itself.tif").symlink_to(folder.root / "itself.tif")
    os.mkfifo(folder.root / "pipe.tif")
    found = told(folder)
    assert sorted(found) == ["broken.tif", "itself.tif", "out", "pipe.tif"]
    assert "leads nowhere" in found["itself.tif"]
    assert "out of the folder" in found["out"]


def test_a_folder_that_cannot_be_listed_costs_no_other(
    folder: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/x", "lost+found/x", "z/x"):
        folder.create(name, b"x", "")
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if path.name == "lost+found":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found: dict[str, str] = {}
    assert [one.key for one in folder.list(found.__setitem__)] == ["a/x", "z/x"]
    assert list(found) == ["lost+found/"]
    assert "Permission denied" in found["lost+found/"]
    with pytest.raises(StorageError, match=r"lost\+found cannot be listed"):
        keys(folder)
    monkeypatch.setattr(os, "scandir", lambda path: refuse(Path("lost+found")))
    with pytest.raises(StorageError, match="cannot be listed"):
        list(folder.list(found.__setitem__))


def test_nothing_is_written_through_a_link_that_leads_out(folder: FolderStore, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (folder.root / "masks").symlink_to(tmp_path / "outside")
    with pytest.raises(StorageError, match="outside"):
        folder.create("masks/x.png", b"x", "image/png")
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_pipe_is_not_a_photo(folder: FolderStore) -> None:
    os.mkfifo(folder.root / "pipe.tif")
    assert keys(folder) == []


def test_a_name_that_is_not_utf8_is_listed_readable_and_can_be_opened(folder: FolderStore) -> None:
    (folder.root / os.fsdecode(b"M\xfcller.tif")).write_bytes(b"x")
    assert keys(folder) == ["M%FCller.tif"]
    assert folder.read("M%FCller.tif") == b"x"


def test_an_odd_name_and_one_that_looks_like_it_are_two_files(folder: FolderStore) -> None:
    (folder.root / "a%FF.tif").write_bytes(b"as it is written")
    (folder.root / os.fsdecode(b"a\xff.tif")).write_bytes(b"odd")
    (folder.root / os.fsdecode(b"\xe4")).mkdir()
    (folder.root / os.fsdecode(b"\xe4/100%AB.tif")).write_bytes(b"in an odd folder")
    assert {key: folder.read(key) for key in keys(folder)} == {
        "%E4/100%AB.tif": b"in an odd folder",
        "a%FF.tif": b"as it is written",
        "a%ff.tif": b"odd",
    }


def test_odd_names_that_are_also_written_like_odd_ones_are_several_files(folder: FolderStore) -> None:
    """Each is read under the name that it is listed by; a name that text cannot tell from another stays odd."""
    names = [b"\xfe%FF.tif", b"%FE\xff.tif", b"\xfe\xff.tif"]
    for name in names:
        (folder.root / os.fsdecode(name)).write_bytes(name)
    assert {key: folder.read(key) for key in keys(folder)} == {
        os.fsdecode(names[0]): names[0],
        os.fsdecode(names[1]): names[1],
        "%FE%FF.tif": names[2],
    }


@pytest.mark.parametrize("seconds", [10**12, -(10**12)])
def test_a_time_beyond_all_dates_is_a_time(folder: FolderStore, seconds: int) -> None:
    first, second = (
        _stored("a", os.stat_result((0o100644, *[0] * 9), {"st_mtime": when, "st_mtime_ns": when * 10**9}))
        for when in (seconds, seconds + 1)
    )
    assert (first.modified, first.etag) != (second.modified, second.etag)


def test_a_failed_write_leaves_nothing_behind(folder: FolderStore) -> None:
    (folder.root / "masks").write_bytes(b"a file where a folder is needed")
    with pytest.raises(StorageError, match="file lies where a folder is needed"):
        folder.create("masks/x.png", b"x", "image/png")
    with pytest.raises(StorageError, match="longer than this file system allows"):
        folder.create("n" * 300, b"x", "image/png")
    assert sorted(path.name for path in folder.root.rglob("*")) == ["masks"]


def test_files_get_the_permissions_of_the_umask(folder: FolderStore) -> None:
    before = os.umask(0o022)
    try:
        made = folder.create("x.png", b"x", "image/png")
    finally:
        os.umask(before)
    assert Path(made.uri).stat().st_mode & 0o777 == 0o644


def test_without_hard_links_a_name_is_claimed_first(
    folder: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    assert not folder.create("x.png", b"x", "image/png").existed
    assert folder.create("x.png", b"x", "image/png").existed
    assert [path.name for path in folder.root.iterdir()] == ["x.png"]


def test_a_name_that_the_file_system_forbids_is_not_taken_for_a_disk_in_trouble(
    folder: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As exFAT does under Linux: no hard links, and no colons."""
    ours = os.open

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    def without_colons(path: Any, *rest: Any, **more: Any) -> int:
        if ":" in os.path.basename(path):
            raise OSError(errno.EINVAL, "Invalid argument")
        return ours(path, *rest, **more)

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "open", without_colons)
    with pytest.raises(UnwritableKeyError, match=r"does not allow.*Rename it"):
        folder.create("at 12:30.png", b"x", "image/png")
    assert list(folder.root.iterdir()) == []
    assert not folder.create("at 12.30.png", b"x", "image/png").existed


def test_a_killed_writers_partial_file_is_swept_and_a_living_ones_is_not(folder: FolderStore) -> None:
    write = "import os,sys; from storage import FolderStore, new_files; "
    write += "new_files._link = lambda *a: os._exit(9); "
    write += "FolderStore(sys.argv[1]).create('a/x.png', b'half', '')"
    killed = subprocess.run([sys.executable, "-c", write, str(folder.root)], check=False)
    assert killed.returncode == 9
    left = list(folder.root.rglob("*.part"))
    assert len(left) == 1
    ours = left[0].with_name(left[0].name.replace(left[0].name.split("-")[-2], str(os.getpid())))
    ours.write_bytes(b"being written")
    strangers = folder.root / ".oldphoto-another-host-1-0123456789abcdef.part"
    strangers.write_bytes(b"being written elsewhere")
    assert folder.sweep_partials() == 1
    assert not left[0].exists()
    assert ours.exists()
    assert strangers.exists()
    yesterday = time.time() - 25 * 3600
    os.utime(strangers, (yesterday, yesterday))
    assert folder.sweep_partials() == 1


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="an ended process is told by /proc")
def test_a_writer_that_ended_and_that_nobody_has_asked_after_is_dead(folder: FolderStore) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as writer:
        os.waitid(os.P_PID, writer.pid, os.WEXITED | os.WNOWAIT)
        left = folder.root / f".oldphoto-{socket.gethostname()}-{writer.pid}-0123456789abcdef.part"
        left.write_bytes(b"half")
        assert folder.sweep_partials() == 1
    assert not left.exists()


@pytest.mark.parametrize("key", ["x" * 256, "a/.hidden", "nul\0"])
def test_a_name_that_cannot_be_written_is_told_from_a_store_in_trouble(folder: FolderStore, key: str) -> None:
    with pytest.raises(UnwritableKeyError):
        folder.create(key, b"x", "image/png")


def test_a_folder_to_read_from_must_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a folder"):
        open_store(str(tmp_path / "missing"))
    assert not (tmp_path / "missing").exists()
    assert open_store(str(tmp_path / "made"), create=True).uri == str(tmp_path / "made")


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    for create in (False, True):
        with pytest.raises(UsageError):
            open_store(str(tmp_path / "x"), create=create)


@pytest.mark.parametrize("number", [-1, 10])
def test_a_disk_that_fails_while_a_file_is_read_is_told(number: int) -> None:
    """Nothing lies at the beginning of a process's memory."""
    with (
        FolderStore("/proc/self").open("mem") as stream,
        pytest.raises(StorageError, match="mem cannot be read"),
    ):
        stream.read(number)


def test_addresses(tmp_path: Path) -> None:
    assert open_store(f"file://{tmp_path}").uri == str(tmp_path)
    store = open_store("s3://bucket/pre fix/ä/")
    assert store.uri == "s3://bucket/pre fix/ä"
    assert store.uri_of("k?#.tif") == "s3://bucket/pre fix/ä/k?#.tif"
    assert open_store("s3://bucket").uri_of("k") == "s3://bucket/k"
    for wrong in ("s3://", "ftp://host/x", "http://host/bucket"):
        with pytest.raises(UsageError):
            open_store(wrong, create=True)
