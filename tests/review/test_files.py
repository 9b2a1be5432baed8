"""Files are opened only inside the known roots, and new ones never replace any."""

from __future__ import annotations

import errno
import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from oldphoto_core.errors import AlreadyExistsError, FixityError, StorageError
from review.files import DeskFiles
from storage import FolderStore, S3Store


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"inside")
    (tmp_path / "secret").write_bytes(b"outside")
    return folder


@pytest.fixture
def files(root: Path, tmp_path: Path) -> DeskFiles:
    return DeskFiles([str(root)], tmp_path / "cache")


def test_a_file_inside_is_read(files: DeskFiles, root: Path) -> None:
    for uri in (str(root / "a.png"), (root / "a.png").as_uri()):
        assert files.fetch(uri, digest(b"inside")).read_bytes() == b"inside"


def test_nothing_outside_is_read(files: DeskFiles, root: Path, tmp_path: Path) -> None:
    (root / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "root-too").mkdir()
    (tmp_path / "root-too" / "b").write_bytes(b"outside")
    attempts = [
        tmp_path / "secret",
        root / ".." / "secret",
        root / "link",
        tmp_path / "root-too" / "b",
        "/etc/passwd",
        "relative/file",
        "s3://bucket/key",
        f"file://{root}/../secret",
        f"file://{root}/%2e%2e/secret",
        "a\x00b",
    ]
    for uri in attempts:
        with pytest.raises(StorageError):
            files.fetch(str(uri), digest(b"outside"))


def test_a_copy_in_the_cache_of_what_lies_outside_is_not_given_out(tmp_path: Path) -> None:
    """Another desk over the same cache, with other roots, has fetched it."""
    copy = tmp_path / "cache" / "objects" / digest(b"outside")
    copy.parent.mkdir(parents=True)
    copy.write_bytes(b"outside")
    with pytest.raises(StorageError, match="lies outside"):
        DeskFiles(["s3://mine/out"], tmp_path / "cache").fetch("s3://theirs/secret.png", copy.name)
    inside = DeskFiles(["s3://theirs"], tmp_path / "cache").fetch("s3://theirs/secret.png", copy.name)
    assert inside == copy


def test_changed_bytes_are_not_given_out(files: DeskFiles, root: Path) -> None:
    (root / "a.png").write_bytes(b"changed")
    with pytest.raises(FixityError):
        files.fetch(str(root / "a.png"), digest(b"inside"))


def test_a_new_file_lies_beside_and_replaces_nothing(files: DeskFiles, root: Path) -> None:
    made = files.create_beside(str(root / "a.png"), "a.edit.png", b"mask", "image/png")
    assert Path(made.uri).read_bytes() == b"mask"
    assert made.sha256 == digest(b"mask")
    assert files.create_beside(str(root / "a.png"), "a.edit.png", b"mask", "image/png") == replace(
        made, existed=True
    )
    with pytest.raises(AlreadyExistsError):
        files.create_beside(str(root / "a.png"), "a.edit.png", b"other", "image/png")
    assert sorted(path.name for path in root.iterdir()) == ["a.edit.png", "a.png"]
    for name in ("../b", ".hidden", "sub/b"):
        with pytest.raises(StorageError):
            files.create_beside(str(root / "a.png"), name, b"x", "image/png")


@pytest.mark.integration
def test_a_bucket_is_read_and_added_to_in_the_same_way(bucket: str, tmp_path: Path) -> None:
    everything = S3Store(bucket)
    everything.create("out/masks/a.png", b"inside")
    everything.create("secret", b"outside")
    files = DeskFiles([f"s3://{bucket}/out"], tmp_path / "cache")
    uri = f"s3://{bucket}/out/masks/a.png"
    assert files.fetch(uri, digest(b"inside")).read_bytes() == b"inside"
    for other in (
        f"s3://{bucket}/secret",
        f"s3://{bucket}/out/../secret",
        f"s3://{bucket}/outside/x",
        "s3://other/out/x",
    ):
        with pytest.raises(StorageError, match="lies outside"):
            files.fetch(other, digest(b"outside"))
    with pytest.raises(FixityError):
        files.fetch(uri, digest(b"something else"))
    made = files.create_beside(uri, "a.edit.png", b"mask", "image/png")
    assert made.uri == f"s3://{bucket}/out/masks/a.edit.png"
    assert files.create_beside(uri, "a.edit.png", b"mask", "image/png") == replace(made, existed=True)
    with pytest.raises(AlreadyExistsError):
        files.create_beside(uri, "a.edit.png", b"other", "image/png")
    assert everything.read("out/masks/a.edit.png") == b"mask"


def test_a_name_that_is_no_text_is_found_as_a_run_lists_it(files: DeskFiles, root: Path) -> None:
    (root / os.fsdecode(b"f\xe4.png")).write_bytes(b"odd")
    (listed,) = (one.key for one in FolderStore(root).list() if "%" in one.key)
    assert files.fetch(f"{root}/{listed}", digest(b"odd")).read_bytes() == b"odd"


def test_a_mask_is_saved_where_there_are_no_hard_links(
    files: DeskFiles, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A share, or a stick."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    made = files.create_beside(str(root / "a.png"), "a.edit.png", b"mask", "image/png")
    assert Path(made.uri).read_bytes() == b"mask"


def test_the_innermost_root_counts(root: Path, tmp_path: Path) -> None:
    """Results in a hidden folder of the scans: a place that was asked for is no hidden one."""
    (root / ".out").mkdir()
    (root / ".out" / "a.png").write_bytes(b"inside")
    files = DeskFiles([str(root), str(root / ".out")], tmp_path / "cache")
    assert Path(files.create_beside(str(root / ".out" / "a.png"), "b.png", b"mask", "").uri).exists()


def test_a_service_out_of_reach_and_a_cache_that_takes_nothing_are_told(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    S3Store(bucket).create("a.png", b"inside")
    (tmp_path / "cache").write_bytes(b"a file where the cache should be")
    with pytest.raises(StorageError, match="--cache"):
        DeskFiles([f"s3://{bucket}"], tmp_path / "cache").fetch(f"s3://{bucket}/a.png", digest(b"inside"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost:9000")
    with pytest.raises(StorageError, match="https://host:port"):
        DeskFiles([f"s3://{bucket}"], tmp_path / "other").fetch(f"s3://{bucket}/a.png", digest(b"inside"))
