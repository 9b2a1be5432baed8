"""Files are opened only inside the known roots, and new ones never replace any."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oldphoto_core.errors import AlreadyExistsError, FixityError, StorageError
from review.storage import Storage


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
def storage(root: Path, tmp_path: Path) -> Storage:
    return Storage([str(root)], tmp_path / "cache")


def test_a_file_inside_is_read(storage: Storage, root: Path) -> None:
    for uri in (str(root / "a.png"), (root / "a.png").as_uri()):
        assert storage.fetch(uri, digest(b"inside")).read_bytes() == b"inside"


def test_nothing_outside_is_read(storage: Storage, root: Path, tmp_path: Path) -> None:
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
            storage.fetch(str(uri), digest(b"outside"))


def test_a_copy_in_the_cache_of_what_lies_outside_is_not_given_out(tmp_path: Path) -> None:
    """Another desk over the same cache, with other roots, has fetched it."""
    copy = tmp_path / "cache" / "objects" / digest(b"outside")
    copy.parent.mkdir(parents=True)
    copy.write_bytes(b"outside")
    with pytest.raises(StorageError, match="lies outside"):
        Storage(["s3://mine/out"], tmp_path / "cache").fetch("s3://theirs/secret.png", copy.name)
    inside = Storage(["s3://theirs"], tmp_path / "cache").fetch("s3://theirs/secret.png", copy.name)
    assert inside == copy


def test_changed_bytes_are_not_given_out(storage: Storage, root: Path) -> None:
    (root / "a.png").write_bytes(b"changed")
    with pytest.raises(FixityError):
        storage.fetch(str(root / "a.png"), digest(b"inside"))


def test_a_new_file_lies_beside_and_replaces_nothing(storage: Storage, root: Path) -> None:
    made = storage.create_beside(str(root / "a.png"), "a.edit.png", b"mask", "image/png")
    assert Path(made.uri).read_bytes() == b"mask"
    assert made.sha256 == digest(b"mask")
    assert storage.create_beside(str(root / "a.png"), "a.edit.png", b"mask", "image/png") == made
    with pytest.raises(AlreadyExistsError):
        storage.create_beside(str(root / "a.png"), "a.edit.png", b"other", "image/png")
    assert sorted(path.name for path in root.iterdir()) == ["a.edit.png", "a.png"]
    for name in ("../b", ".hidden", "sub/b"):
        with pytest.raises(StorageError):
            storage.create_beside(str(root / "a.png"), name, b"x", "image/png")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    server_module = pytest.importorskip("moto.server", reason="moto's server is not installed")
    import boto3

    server = server_module.ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    client = boto3.client("s3", region_name="us-east-1", endpoint_url=f"http://{host}:{port}")
    client.create_bucket(Bucket="archive")
    client.put_object(Bucket="archive", Key="out/masks/a.png", Body=b"inside")
    client.put_object(Bucket="archive", Key="secret", Body=b"outside")
    yield client
    server.stop()


@pytest.mark.integration
def test_a_bucket_is_read_and_added_to_in_the_same_way(bucket: Any, tmp_path: Path) -> None:
    storage = Storage(["s3://archive/out"], tmp_path / "cache")
    uri = "s3://archive/out/masks/a.png"
    assert storage.fetch(uri, digest(b"inside")).read_bytes() == b"inside"
    for other in (
        "s3://archive/secret",
        "s3://archive/out/../secret",
        "s3://archive/outside/x",
        "s3://other/out/x",
    ):
        with pytest.raises(StorageError):
            storage.fetch(other, digest(b"outside"))
    with pytest.raises(FixityError):
        storage.fetch(uri, digest(b"something else"))
    made = storage.create_beside(uri, "a.edit.png", b"mask", "image/png")
    assert made.uri == "s3://archive/out/masks/a.edit.png"
    assert storage.create_beside(uri, "a.edit.png", b"mask", "image/png") == made
    with pytest.raises(AlreadyExistsError):
        storage.create_beside(uri, "a.edit.png", b"other", "image/png")
    assert bucket.get_object(Bucket="archive", Key="out/masks/a.edit.png")["Body"].read() == b"mask"
