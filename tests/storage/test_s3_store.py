"""What only a bucket can do wrong, against a real S3 server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import boto3
import pytest
from botocore import httpchecksum

from oldphoto_core.errors import StorageError
from storage import S3Store

pytestmark = pytest.mark.integration


def test_a_prefix_is_a_folder_and_not_the_start_of_a_name(bucket: str) -> None:
    client = boto3.client("s3")
    for key in ("scans/a.tif", "scans-old/b.tif", "scans/", "scans/sub/", "scans/.hidden/c.tif"):
        client.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert [one.key for one in S3Store(bucket, "/scans/").list()] == ["a.tif"]


def test_a_key_with_a_part_that_is_no_name_is_left_out_and_told(bucket: str) -> None:
    client = boto3.client("s3")
    for key in ("o/a.tif", "o//b.tif", "o//", "/lead/c.tif", "p/./d.tif", "p/../e.tif", "p/.hidden"):
        client.put_object(Bucket=bucket, Key=key, Body=b"x")
    told: dict[str, str] = {}
    assert [one.key for one in S3Store(bucket, "o").list(told.__setitem__)] == ["a.tif"]
    assert [one.key for one in S3Store(bucket).list(told.__setitem__)] == ["o/a.tif"]
    assert sorted(told) == ["/b.tif", "/lead/c.tif", "o//b.tif", "p/../e.tif", "p/./d.tif"]
    assert all("Copy it" in reason for reason in told.values())


def test_a_key_that_is_too_long_is_known_before_it_is_written() -> None:
    assert S3Store("b", "p").problem_with("x" * 1022) is None
    assert "1025 bytes" in str(S3Store("b", "p").problem_with("x" * 1023))


def test_more_objects_than_one_page_are_all_listed(bucket: str) -> None:
    client = boto3.client("s3")
    names = [f"{number:04}.tif" for number in range(8)]
    for name in names:
        client.put_object(Bucket=bucket, Key=f"p/{name}", Body=b"")
    store = S3Store(bucket, "p")
    store.page_size = 3
    assert [one.key for one in store.list()] == names


def test_a_missing_bucket_says_so(s3_endpoint: str) -> None:
    store = S3Store("no-such-bucket-here")
    with pytest.raises(StorageError, match="Make the bucket no-such-bucket-here"):
        list(store.list())
    with pytest.raises(StorageError, match="Make the bucket no-such-bucket-here"):
        store.create("x", b"1", "text/plain")


def test_an_endpoint_out_of_reach_is_named(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(StorageError, match=rf"127\.0\.0\.1:{port} can be reached"):
        S3Store("bucket").read("x")


@pytest.fixture
def silent_service(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A service that takes each request and hangs up without an answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            with suppress(OSError):
                while True:
                    caller, _ = server.accept()
                    with caller:
                        caller.recv(1 << 16)

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{address}")
        yield address
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: list(store.list()),
        lambda store: store.read("x"),
        lambda store: store.exists("x"),
        lambda store: store.create("x", b"1", "text/plain"),
    ],
    ids=["list", "read", "exists", "create"],
)
def test_a_service_that_hangs_up_is_named(
    ask: Callable[[S3Store], object],
    s3_endpoint: str,
    silent_service: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)
    with pytest.raises(StorageError, match=f"{silent_service} can be reached"):
        ask(S3Store("bucket"))


@pytest.mark.parametrize("endpoint", ["localhost:9000", "minio", "http://127.0.0.1:99999"])
def test_an_endpoint_that_is_no_address_is_told(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(
        StorageError, match=rf"{endpoint}.*(Write AWS_ENDPOINT_URL as https|Correct the address)"
    ):
        list(S3Store("bucket").list())


def test_settings_that_are_wrong_are_not_the_services_fault(
    s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StorageError, match="Correct the address"):
        list(S3Store("my bucket").list())
    monkeypatch.setenv("AWS_DEFAULT_REGION", "no where")
    with pytest.raises(StorageError, match=r"no where.*Correct the address or the AWS settings"):
        list(S3Store("bucket").list())


def test_an_object_in_an_archive_says_so(bucket: str) -> None:
    boto3.client("s3").put_object(Bucket=bucket, Key="a.tif", Body=b"x", StorageClass="GLACIER")
    with pytest.raises(StorageError, match="Glacier"):
        S3Store(bucket).read("a.tif")


def test_the_media_type_is_kept(bucket: str) -> None:
    S3Store(bucket, "p").create("x.png", b"1", "image/png")
    assert boto3.client("s3").head_object(Bucket=bucket, Key="p/x.png")["ContentType"] == "image/png"


class _BreakingBody:
    """A connection that breaks after a few bytes, as load balancers do."""

    def __init__(self, body: Any, after: int) -> None:
        self.body, self.left = body, after

    def read(self, size: int) -> bytes:
        if self.left <= 0:
            raise ConnectionResetError("connection reset by peer")
        data: bytes = self.body.read(min(size, self.left))
        self.left -= len(data)
        return data

    def close(self) -> None:
        self.body.close()


class _BreakingStore(S3Store):
    def get_from(self, key: str, position: int, etag: str | None = None) -> Any:
        response = super().get_from(key, position, etag)
        return response | {"Body": _BreakingBody(response["Body"], self.after)}

    after = 4000


def test_a_broken_connection_is_resumed_where_it_broke(bucket: str) -> None:
    data = bytes(range(256)) * 40
    store = _BreakingStore(bucket)
    store.create("x", data, "text/plain")
    assert store.read("x") == data


def test_an_object_that_was_replaced_is_not_resumed(bucket: str) -> None:
    store = _BreakingStore(bucket)
    store.create("x", b"a" * 9000, "text/plain")
    with store.open("x") as stream:
        assert stream.read(4000) == b"a" * 4000
        boto3.client("s3").put_object(Bucket=bucket, Key="x", Body=b"b" * 9000)
        with pytest.raises(StorageError, match="replaced while it was read"):
            stream.read()


def test_a_connection_that_never_delivers_is_an_error(bucket: str) -> None:
    store = _BreakingStore(bucket)
    S3Store(bucket).create("x", b"1234", "text/plain")
    store.after = 0
    with pytest.raises(StorageError, match="broke off at byte 0 of 4"):
        store.read("x")


class _OtherBytes:
    """A body that arrives whole, and not as it was sent."""

    def __init__(self, body: Any) -> None:
        self.body = body

    def read(self, amt: int | None = None) -> bytes:
        data: bytes = self.body.read(amt)
        return data.replace(b"a", b"b")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.body, name)


def test_bytes_that_contradict_the_services_checksum_are_told(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = boto3.client("s3")
    client.put_object(Bucket=bucket, Key="x", Body=b"a" * 9000, ChecksumAlgorithm="SHA256")
    checked = httpchecksum.StreamingChecksumBody
    monkeypatch.setattr(
        httpchecksum, "StreamingChecksumBody", lambda raw, *rest: checked(_OtherBytes(raw), *rest)
    )
    with pytest.raises(StorageError, match="arrived with other bytes"):
        S3Store(bucket).read("x")
