"""The desk's cache: never larger than it may be, and never taken from under whoever looks at it."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from oldphoto_core.errors import FixityError, PhotoError, StorageError
from review.files import DeskFiles
from review.pictures import PictureRequest, PictureShelf
from review.pictures.pyramid import _created
from storage import S3Store
from tests.full_disk import no_file_larger_than

pytestmark = pytest.mark.integration

LIMIT = 2_000_000


def noise(seed: int) -> bytes:
    """A picture of about a megabyte, which no format makes smaller."""
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (600, 600, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def shelf_over(bucket: str, tmp_path: Path, objects: dict[str, bytes], limit: int = LIMIT) -> PictureShelf:
    for key, data in objects.items():
        S3Store(bucket).create(key, data)
    return PictureShelf(DeskFiles([f"s3://{bucket}"], tmp_path / "cache"), tmp_path / "cache", limit)


def request_of(bucket: str, objects: dict[str, bytes], key: str) -> PictureRequest:
    return PictureRequest(key, f"s3://{bucket}/{key}", hashlib.sha256(objects[key]).hexdigest())


def in_folder(folder: Path) -> tuple[PictureShelf, PictureRequest]:
    """Return a shelf for ``a.png`` in a folder, and the request for it."""
    shelf = PictureShelf(DeskFiles([str(folder)], folder / "cache"), folder / "cache", LIMIT)
    data = (folder / "a.png").read_bytes()
    return shelf, PictureRequest("a.png", str(folder / "a.png"), hashlib.sha256(data).hexdigest())


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_browsing_a_bucket_keeps_the_cache_within_its_size(bucket: str, tmp_path: Path) -> None:
    objects = {f"{number}.png": noise(number) for number in range(8)}
    shelf = shelf_over(bucket, tmp_path, objects)
    for key in objects:
        shelf.thumbnail(request_of(bucket, objects, key), 480)
        assert size_of(shelf.folder) <= LIMIT, key


def test_thumbnails_count_as_well_and_those_looked_at_stay(bucket: str, tmp_path: Path) -> None:
    objects = {"a.png": noise(1)}
    shelf, request = shelf_over(bucket, tmp_path, objects), request_of(bucket, objects, "a.png")
    first = shelf.thumbnail(request, 480)
    for side in range(481, 511):
        shelf.thumbnail(request, side)
        assert shelf.thumbnail(request, 480) == first
        assert size_of(shelf.folder) <= LIMIT
    names = {path.name for path in (shelf.folder / "thumbnails").iterdir()}
    assert f"{request.name}-480.jpg" in names
    assert f"{request.name}-481.jpg" not in names


def test_what_was_downloaded_in_vain_goes_too(bucket: str, tmp_path: Path) -> None:
    objects = {f"{number}.png": bytes([number]) * 900_000 for number in range(4)}
    shelf = shelf_over(bucket, tmp_path, objects)
    for key in objects:
        with pytest.raises(PhotoError):
            shelf.thumbnail(request_of(bucket, objects, key), 480)
    assert size_of(shelf.folder) <= LIMIT


@pytest.mark.parametrize("age", [0.0, 200_000.0])
def test_what_is_being_written_stays_and_what_was_abandoned_goes(
    bucket: str, tmp_path: Path, age: float
) -> None:
    objects = {f"{number}.png": noise(number) for number in range(3)}
    shelf = shelf_over(bucket, tmp_path, objects)
    partial = shelf.folder / "objects" / f".{'0' * 64}.1234.part"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(bytes(LIMIT // 2))
    now = partial.stat().st_mtime
    os.utime(partial, (now - age, now - age))
    for key in objects:
        shelf.thumbnail(request_of(bucket, objects, key), 480)
    assert partial.exists() is (age == 0)


def test_a_download_under_way_is_known_by_its_name(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects, names = {"a.png": noise(1)}, list[str]()
    get_from = S3Store.get_from

    def watched(store: S3Store, key: str, position: int) -> Any:
        body = get_from(store, key, position)
        body["Body"] = Watched(body["Body"].read())
        return body

    class Watched(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            names.extend(path.name for path in (tmp_path / "cache" / "objects").iterdir())
            return super().read(size)

    monkeypatch.setattr(S3Store, "get_from", watched)
    shelf = shelf_over(bucket, tmp_path, objects)
    shelf.thumbnail(request_of(bucket, objects, "a.png"), 480)
    assert names
    assert all(name.startswith(".") for name in names)


def test_many_looking_at_a_cache_that_is_too_small_all_see_their_pictures(
    bucket: str, tmp_path: Path
) -> None:
    objects = {f"{number}.png": noise(number) for number in range(6)}
    shelves = [shelf_over(bucket, tmp_path, objects, 500_000) for _ in range(2)]

    def look(number: int) -> tuple[int, ...]:
        request = request_of(bucket, objects, f"{number % 6}.png")
        shelf = shelves[number % 2]
        assert shelf.thumbnail(request, 100 + number % 3)
        return tuple(shelf.pyramid(request).levels[0].shape)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(look, range(48))) == {(600, 600, 3)}


@pytest.mark.parametrize("look", [PictureShelf.pyramid, lambda shelf, request: shelf.thumbnail(request, 90)])
def test_a_copy_that_another_desk_deletes_is_fetched_again(
    bucket: str,
    tmp_path: Path,
    look: Callable[[PictureShelf, PictureRequest], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    objects = {"a.png": noise(1)}
    shelf, request = shelf_over(bucket, tmp_path, objects), request_of(bucket, objects, "a.png")
    fetch, deleted = shelf.files.fetch, []

    def fetch_and_lose(uri: str, sha256: str) -> Path:
        path = fetch(uri, sha256)
        if not deleted:
            deleted.append(path)
            path.unlink()
        return path

    monkeypatch.setattr(shelf.files, "fetch", fetch_and_lose)
    assert look(shelf, request)
    assert deleted


def test_a_pyramid_that_another_desk_deletes_is_made_again(bucket: str, tmp_path: Path) -> None:
    objects = {"a.png": noise(1)}
    request = request_of(bucket, objects, "a.png")
    folder = shelf_over(bucket, tmp_path, objects).pyramid(request).folder
    shutil.rmtree(folder)
    assert shelf_over(bucket, tmp_path, objects).pyramid(request).width == 600


def test_a_picture_that_cannot_be_shown_is_tried_by_one_at_a_time_and_leaves_nothing(
    bucket: str, tmp_path: Path
) -> None:
    objects = {"a.png": b"no picture"}
    shelf, request = shelf_over(bucket, tmp_path, objects), request_of(bucket, objects, "a.png")
    at_once, most, guard = [0], [0], threading.Lock()
    fetch = shelf.files.fetch

    def counted(uri: str, sha256: str) -> Path:
        with guard:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        threading.Event().wait(0.02)
        with guard:
            at_once[0] -= 1
        return fetch(uri, sha256)

    shelf.files.__dict__["fetch"] = counted

    def refused(_: int) -> bool:
        with pytest.raises(PhotoError):
            shelf.thumbnail(request, 100)
        return True

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(refused, range(12)))
    assert most == [1]
    assert not shelf._making


@pytest.mark.parametrize("make", [PictureShelf.pyramid, partial(PictureShelf.thumbnail, side=100)])
def test_a_full_disk_is_told_and_leaves_nothing(make: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(noise(1))
    shelf, request = in_folder(tmp_path)
    with no_file_larger_than(1000), pytest.raises(StorageError, match="--cache"):
        make(shelf, request)
    assert not size_of(shelf.folder)
    assert not [path for path in shelf.folder.rglob("*") if path.name.startswith(".")]
    assert make(shelf, request)


def test_a_levels_room_is_reserved_before_it_is_mapped(tmp_path: Path) -> None:
    """On a full disk a map without room would end the desk: no error, a signal."""
    _created(tmp_path / "0.npy", (1000, 1000))
    assert (tmp_path / "0.npy").stat().st_blocks * 512 >= 1_000_000


@pytest.mark.parametrize("make", [PictureShelf.pyramid, partial(PictureShelf.thumbnail, side=100)])
def test_a_picture_that_is_replaced_while_it_is_read_is_not_shown(
    make: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(noise(1))
    shelf, request = in_folder(tmp_path)
    fetch = shelf.files.fetch

    def replaced_afterwards(uri: str, sha256: str) -> Path:
        path = fetch(uri, sha256)
        path.write_bytes(noise(2))
        return path

    shelf.files.__dict__["fetch"] = replaced_afterwards
    with pytest.raises(FixityError):
        make(shelf, request)
    assert not size_of(shelf.folder)
