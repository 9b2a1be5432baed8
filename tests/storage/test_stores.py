"""The laws that every store keeps, against a folder and a real S3 server."""

from __future__ import annotations

import hashlib
import io
import pickle
import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import tifffile

from oldphoto_core.errors import AlreadyExistsError, StorageError
from oldphoto_core.image_io import decode_scan, read_header
from oldphoto_core.raster import OnDisk, whole
from storage import Created, Store

KEYS = ["a b/ä ö.txt", "a.txt", "a/z.txt", "a/z/1.txt", "b%20c+d&e=f?.txt", "日本/写真 #1.txt", "a-b/x.txt"]


def test_what_was_created_is_read_back_whole_and_in_part(store: Store) -> None:
    made = store.create("deep/er/x.bin", b"0123456789", "application/octet-stream")
    assert made == Created(
        store.uri_of("deep/er/x.bin"), hashlib.sha256(b"0123456789").hexdigest(), 10, False
    )
    assert store.read("deep/er/x.bin") == b"0123456789"
    assert store.read("deep/er/x.bin", 4) == b"0123"
    with store.open("deep/er/x.bin") as stream:
        assert [stream.read(3), stream.read(3), stream.read()] == [b"012", b"345", b"6789"]
        assert stream.read() == b""


def test_a_listing_holds_every_visible_object_in_key_order(store: Store) -> None:
    for key in KEYS:
        store.create(key, key.encode(), "text/plain")
    listed = list(store.list())
    assert [one.key for one in listed] == sorted(KEYS)
    assert all(one.size == len(one.key.encode()) for one in listed)
    assert all(datetime.now(UTC) - one.modified < timedelta(minutes=5) for one in listed)
    assert all(store.read(one.key) == one.key.encode() for one in listed)


def test_a_listing_streams(store: Store) -> None:
    for number in range(5):
        store.create(f"{number}.txt", b"", "text/plain")
    assert next(iter(store.list())).key == "0.txt"


def test_the_same_bytes_may_be_created_again(store: Store) -> None:
    first = store.create("x.png", b"same", "image/png")
    again = store.create("x.png", b"same", "image/png")
    assert (first.existed, again.existed) == (False, True)
    assert (first.uri, first.sha256) == (again.uri, again.sha256)


def test_other_bytes_are_refused_and_change_nothing(store: Store) -> None:
    store.create("x.png", b"first", "image/png")
    with pytest.raises(AlreadyExistsError, match=r"x\.png"):
        store.create("x.png", b"second", "image/png")
    assert store.read("x.png") == b"first"


def test_of_concurrent_writers_exactly_one_wins(store: Store) -> None:
    start, results = threading.Barrier(8), list[object]()

    def write(number: int) -> None:
        start.wait()
        try:
            results.append(store.create("race.bin", b"writer %d" % number * 5000, "text/plain"))
        except AlreadyExistsError as error:
            results.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [one for one in results if isinstance(one, Created)]
    assert len(results) == 8
    assert len(winners) == 1
    assert not winners[0].existed
    assert hashlib.sha256(store.read("race.bin")).hexdigest() == winners[0].sha256


@pytest.mark.parametrize(
    "key", ["../x", "a/../x", "/etc/x", "a//x", "./x", "", "a/", "nul\0", ".hidden/x", "a/.part", "\ud800"]
)
def test_a_key_that_leaves_the_store_cannot_be_written(store: Store, key: str) -> None:
    with pytest.raises(StorageError):
        store.create(key, b"x", "text/plain")
    assert list(store.list()) == []


def test_odd_keys_are_no_objects(store: Store) -> None:
    for key in ("nul\0", "../x", "/etc/passwd", "lone \udc80 and \ud800"):
        assert not store.exists(key)
        with pytest.raises(StorageError):
            store.read(key)


def test_reading_far_fewer_or_more_bytes_than_there_are(store: Store) -> None:
    data = bytes(range(256)) * 12_000
    store.create("x.bin", data, "application/octet-stream")
    assert store.read("x.bin", 10**15) == store.read("x.bin") == data
    assert store.read("x.bin", 2_000_000) == data[:2_000_000]
    assert store.read("x.bin", 0) == b""


def test_existence(store: Store) -> None:
    store.create("a/x", b"", "text/plain")
    assert store.exists("a/x")
    assert not store.exists("a/y")
    assert not store.exists("a")


def test_a_missing_object_is_a_storage_error_with_a_remedy(store: Store) -> None:
    with pytest.raises(StorageError, match="run again"):
        store.read("nothing.tif")


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_large_tiff_is_read_where_it_is_located(store: Store, compression: str | None) -> None:
    pixels = np.arange(60 * 50 * 3, dtype=np.uint16).reshape(60, 50, 3)
    data = io.BytesIO()
    tifffile.imwrite(data, pixels, photometric="rgb", compression=compression)
    store.create("box/a.tif", data.getvalue(), "image/tiff")
    with store.located("box/a.tif") as path, OnDisk() as workspace:
        assert read_header(path, key="box/a.tif") == read_header(data.getvalue(), key="box/a.tif")
        scan = decode_scan(path, key="box/a.tif", workspace=workspace, memory=1 << 30)
        assert (whole(scan.pixels) == pixels).all()


def test_a_store_travels_to_another_process(store: Store) -> None:
    store.create("x", b"1", "text/plain")
    copy: Store = pickle.loads(pickle.dumps(store))
    assert copy.uri == store.uri
    assert copy.read("x") == b"1"


def test_nothing_is_left_to_sweep_after_writing(store: Store) -> None:
    store.create("a/x", b"1", "text/plain")
    assert store.sweep_partials() == 0
    assert [one.key for one in store.list()] == ["a/x"]
