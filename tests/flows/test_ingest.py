from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest
from sqlalchemy import select

from flows.ingest import Ingest, IngestResult, IngestSettings
from flows.manifest import Manifest
from flows.remarks import RemarkKind
from oldphoto_core.errors import StorageError
from oldphoto_core.image_io import DecodeLimits
from schemas.records import OutcomeRecord
from schemas.repository import Catalog
from schemas.session import read
from schemas.tables import Asset, Event
from storage import FolderStore
from tests.flows.material import write_broken, write_photos

RECIPE = "{}"


class CountingStore(FolderStore):
    """A folder that remembers which files were read, and that cannot read some."""

    def __init__(self, root: Path, unreadable: frozenset[str] = frozenset()) -> None:
        super().__init__(root)
        self.reads: list[str] = []
        self.unreadable = unreadable

    def read(self, key: str, max_bytes: int | None = None) -> bytes:
        self.reads.append(key)
        if key in self.unreadable:
            raise StorageError(f"{key} cannot be read: the disk is worn out. Copy it from a backup.")
        return super().read(key, max_bytes)


class GrowingStore(FolderStore):
    """A folder whose files are being copied: each has become what it will be when it is opened."""

    def __init__(self, root: Path, grown: bytes) -> None:
        super().__init__(root)
        self.grown = grown
        self.most = 0

    def open(self, key: str) -> BinaryIO:
        (self.root / key).write_bytes(self.grown)
        return super().open(key)

    def read(self, key: str, max_bytes: int | None = None) -> bytes:
        data = super().read(key, max_bytes)
        self.most = max(self.most, len(data))
        return data


def ingested(
    catalog: Catalog,
    store: FolderStore,
    manifest: Manifest | None = None,
    limits: DecodeLimits | None = None,
    limit: int | None = None,
    read_at_once: int = 32 << 20,
) -> tuple[IngestResult, int, int]:
    """Ingest in a run of its own; return what was met, the run and the recipe."""
    settings = IngestSettings(batch=3, threads=2, limits=limits or DecodeLimits(), read_at_once=read_at_once)
    collection = catalog.collection_id("scans")
    recipe = catalog.recipe_id(hashlib.sha256(RECIPE.encode()).hexdigest(), RECIPE)
    run = catalog.start_run(None, collection, recipe, {})
    ingest = Ingest(store, manifest=manifest, agent="oldphoto test", settings=settings)
    result = ingest.run(catalog, collection, run, limit=limit)
    catalog.plan(collection, recipe, run)
    return result, run, recipe


def test_every_file_becomes_an_input(catalog: Catalog, scans: Path) -> None:
    write_photos(scans, 7)
    write_broken(scans)
    result, run, _ = ingested(catalog, FolderStore(scans))
    assert (result.counts.seen, result.counts.new, result.counts.unreadable) == (9, 9, 1)
    with read(catalog.engine) as connection:
        assert connection.scalars(select(Event.id).where(Event.asset_id.is_(None))).all() == []
    counts = catalog.counts(run)
    assert counts["inputs"] == 9
    assert counts["quarantined"] + counts["pending"] == 9


def test_what_is_no_photo_is_quarantined_with_a_reason(catalog: Catalog, scans: Path) -> None:
    write_broken(scans)
    ingested(catalog, FolderStore(scans))
    quarantined = catalog.flagged(outcome="quarantined")
    assert [row["key"] for row in quarantined] == ["broken-text.jpg"]
    assert quarantined[0]["error_class"] == "unreadable"
    assert quarantined[0]["reason"]


def test_an_unchanged_file_is_not_read_again(catalog: Catalog, scans: Path) -> None:
    paths = write_photos(scans, 5)
    ingested(catalog, FolderStore(scans))
    paths[0].write_bytes(paths[1].read_bytes())
    os.utime(paths[3], ns=(1, 1))
    store = CountingStore(scans)
    result, _, _ = ingested(catalog, store)
    changed, touched = (path.relative_to(scans).as_posix() for path in (paths[0], paths[3]))
    assert sorted(store.reads) == sorted([changed, touched])
    assert result.unchanged == 3
    assert (result.counts.changed, result.counts.new) == (1, 0)


def test_a_manifest_that_disagrees_quarantines(catalog: Catalog, scans: Path) -> None:
    good, bad, unnamed = write_photos(scans, 3)
    digest = hashlib.sha256(good.read_bytes()).hexdigest()
    manifest = Manifest({good.name: digest, bad.name: digest, "lost.tif": digest}, "manifest-sha256.txt")
    result, run, _ = ingested(catalog, FolderStore(scans), manifest)
    (row,) = catalog.flagged(outcome="quarantined")
    found = hashlib.sha256(bad.read_bytes()).hexdigest()
    assert row["key"] == bad.name
    assert row["error_class"] == "fixity"
    assert digest in row["reason"]
    assert found in row["reason"]
    assert [(one.kind, one.path) for one in result.remarks.named] == [("missing", "lost.tif")]
    assert catalog.counts(run)["pending"] == 2
    (strange,) = catalog.show(unnamed.relative_to(scans).as_posix())
    assert strange["content"]["warnings"] == ["not named in the manifest manifest-sha256.txt"]
    (sound,) = catalog.show(good.name)
    assert sound["content"]["warnings"] == []
    (check,) = (event for event in sound["events"] if event["type"] == "fixity check")
    assert check["detail"] == {"algorithm": "sha256", "digest": digest, "manifest": "manifest-sha256.txt"}


def test_a_manifest_is_compared_with_known_files_too(catalog: Catalog, scans: Path) -> None:
    (path,) = write_photos(scans, 1)
    ingested(catalog, FolderStore(scans))
    _, run, _ = ingested(catalog, FolderStore(scans), Manifest({path.name: "0" * 64}, "manifest"))
    assert catalog.counts(run)["quarantined"] == 1


def test_a_manifest_that_contradicts_what_is_restored_is_remarked_and_recorded(
    catalog: Catalog, scans: Path
) -> None:
    (path,) = write_photos(scans, 1)
    _, run, _ = ingested(catalog, FolderStore(scans))
    (item,) = next(catalog.iter_pending(run))
    catalog.record_outcomes(run, [OutcomeRecord(item.work_item_id, "done")])
    catalog.finish_run(run, seconds=1)
    for _ in range(2):
        result, again, _ = ingested(catalog, FolderStore(scans), Manifest({path.name: "0" * 64}, "manifest"))
        assert catalog.counts(again)["already_done"] == 1
        (remark,) = result.remarks.named
        assert (remark.kind, remark.path) == (RemarkKind.CONTRADICTED, path.name)
        assert "0" * 64 in remark.reason
    with read(catalog.engine) as connection:
        told = connection.execute(select(Event.outcome, Event.detail).where(Event.asset_id.is_(None))).all()
    assert [outcome for outcome, _ in told] == ["warning", "warning"]
    assert told[0].detail["remarks"][0]["path"] == path.name


def test_missing_is_only_what_was_looked_for(catalog: Catalog, scans: Path) -> None:
    photos = [path.relative_to(scans).as_posix() for path in write_photos(scans, 3)]
    (scans / "link.png").symlink_to("/nowhere")
    names = ["link.png", ".DS_Store", *photos, "lost.png"]
    digest = hashlib.sha256((scans / photos[0]).read_bytes()).hexdigest()
    manifest = Manifest(dict.fromkeys(names, digest), "manifest")
    result, _, _ = ingested(catalog, FolderStore(scans), manifest)
    assert [(one.kind, one.path) for one in result.remarks.named] == [
        ("left_out", "link.png"),
        ("missing", "lost.png"),
    ]
    manifest = Manifest(dict.fromkeys(names, digest), "manifest")
    result, _, _ = ingested(catalog, FolderStore(scans), manifest, limit=2)
    assert result.remarks.counts == {RemarkKind.LEFT_OUT: 1}


def test_beyond_a_limit_nothing_is_read(catalog: Catalog, scans: Path) -> None:
    write_photos(scans, 9)
    store = CountingStore(scans)
    result, run, _ = ingested(catalog, store, limit=4)
    assert len(store.reads) == result.counts.seen == catalog.counts(run)["inputs"] == 4


def test_a_source_without_files_is_remarked(catalog: Catalog, scans: Path) -> None:
    result, _, _ = ingested(catalog, FolderStore(scans))
    assert [(one.kind, one.path) for one in result.remarks.named] == [("empty", str(scans))]
    assert result.remarks.incomplete


def test_results_of_another_run_are_no_masters(catalog: Catalog, scans: Path) -> None:
    write_photos(scans, 1)
    write_photos(scans / "masks", 1)
    for place in ("", "old/results/"):
        for made in (
            "masks/a.png",
            "restored/a.png",
            f"recipes/{'0' * 64}.json",
            "report.html",
            "scans/b.png",
        ):
            (scans / place / made).parent.mkdir(parents=True, exist_ok=True)
            (scans / place / made).write_bytes(b"x")
    (scans / f"recipes/{'0' * 64}.json").unlink()
    result, _, _ = ingested(catalog, FolderStore(scans))
    assert [(one.kind, one.path) for one in result.remarks.named] == [("results", "old/results/")]
    assert not result.remarks.incomplete
    with read(catalog.engine) as connection:
        keys = set(connection.scalars(select(Asset.key)))
    assert {key for key in keys if key.startswith("old/")} == {"old/results/scans/b.png"}
    assert {"masks/a.png", "masks/photo-000.png"} <= keys


def test_a_disk_that_fails_under_a_large_file_costs_no_other(catalog: Catalog, scans: Path) -> None:
    write_photos(scans, 2)
    os.truncate(scans / "photo-000.png", 33 << 20)

    class WornOut(FolderStore):
        @contextmanager
        def located(self, key: str) -> Iterator[Path]:
            # The first byte of a process's memory gives EIO, as a worn-out disk does.
            yield Path("/proc/self/mem")

    _, run, _ = ingested(catalog, WornOut(scans))
    assert (catalog.counts(run)["failed"], catalog.counts(run)["pending"]) == (1, 1)
    (row,) = catalog.flagged(outcome="failed")
    assert "Check the disk" in row["reason"]


def test_one_unreadable_file_costs_no_other(catalog: Catalog, scans: Path) -> None:
    write_photos(scans, 2)
    store = CountingStore(scans, frozenset({"photo-000.png"}))
    _, run, _ = ingested(catalog, store)
    counts = catalog.counts(run)
    assert (counts["failed"], counts["pending"]) == (1, 1)
    (row,) = catalog.flagged(outcome="failed")
    assert "worn out" in row["reason"]
    _, again, _ = ingested(catalog, FolderStore(scans))
    assert catalog.counts(again)["pending"] == 2


def test_a_file_beyond_the_limit_is_hashed_but_never_held(catalog: Catalog, scans: Path) -> None:
    write_photos(scans, 1)
    store = CountingStore(scans)
    _, run, _ = ingested(catalog, store, limits=DecodeLimits(max_bytes=100))
    assert store.reads == []
    assert catalog.counts(run)["quarantined"] == 1
    (row,) = catalog.flagged(outcome="quarantined")
    assert row["error_class"] == "oversized"


def tiff_of(width: int, height: int = 1, bits: int = 8) -> bytes:
    """A BigTIFF that declares itself so large, and ends after that."""
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: 1, 273: 400, 277: 1, 278: 1, 279: 10}
    entries = b"".join(struct.pack("<HHQQ", tag, 16, 1, value) for tag, value in tags.items())
    return b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, len(tags)) + entries.ljust(420, b"\0")


@pytest.mark.parametrize(
    ("data", "error_class"),
    [
        (tiff_of(0xFFFFFFFF), "oversized"),
        (tiff_of(2**63), "oversized"),
        (tiff_of(9, 2**64 - 1), "oversized"),
        (b"P5 9999999999 1 255\n" + bytes(20), "oversized"),
        (b"BM" + bytes(12) + struct.pack("<IiiHHIIiiII", 40, -1, 9, 1, 24, *[0] * 6), "oversized"),
        (tiff_of(9, bits=2**32), "unreadable"),
        (tiff_of(0), "unreadable"),
    ],
    ids=["32 bits", "63 bits", "64 bits", "PGM", "negative", "depth", "empty"],
)
def test_a_number_that_no_photo_has_quarantines_that_file_alone(
    catalog: Catalog, scans: Path, data: bytes, error_class: str
) -> None:
    write_photos(scans, 2)
    (scans / "forged.tif").write_bytes(data)
    _, run, _ = ingested(catalog, FolderStore(scans))
    counts = catalog.counts(run)
    assert (counts["quarantined"], counts["pending"]) == (1, 2)
    (row,) = catalog.flagged(outcome="quarantined")
    assert (row["key"], row["error_class"]) == ("forged.tif", error_class)


@pytest.mark.parametrize(
    ("listed", "read_at_once", "max_bytes"),
    [
        (9, 1 << 20, 1 << 20),
        (9, 100, 1 << 20),
        (200, 100, 1 << 20),
        (30_000, 1 << 20, 1 << 20),
        (3000, 100, 2000),
    ],
    ids=["at once", "then in pieces", "in pieces", "shorter", "too large"],
)
def test_a_file_that_changes_after_it_was_listed_has_the_size_that_was_hashed(
    catalog: Catalog, scans: Path, listed: int, read_at_once: int, max_bytes: int
) -> None:
    (path,) = write_photos(scans, 1)
    data = path.read_bytes()
    path.write_bytes(bytes(listed))
    store = GrowingStore(scans, data)
    ingested(catalog, store, read_at_once=read_at_once, limits=DecodeLimits(max_bytes=max_bytes))
    (shown,) = catalog.show(path.name)
    content, digest = shown["content"], hashlib.sha256(data).hexdigest()
    assert content is not None
    assert (content["sha256"], content["size"], shown["locations"][0]["size"]) == (
        digest,
        len(data),
        len(data),
    )
    told = [one["detail"] for one in shown["events"] if one["type"] == "message digest calculation"]
    assert told == [{"algorithm": "SHA-256", "digest": digest, "size": len(data)}]
    assert store.most <= read_at_once + 1, "what it has become is not held because of what it was"


def test_a_file_that_outgrows_the_limit_is_refused(catalog: Catalog, scans: Path) -> None:
    (path,) = write_photos(scans, 1)
    data = path.read_bytes()
    path.write_bytes(bytes(9))
    store = GrowingStore(scans, data)
    _, run, _ = ingested(catalog, store, read_at_once=100, limits=DecodeLimits(max_bytes=len(data) - 1))
    assert catalog.counts(run)["quarantined"] == 1
    (row,) = catalog.flagged(outcome="quarantined")
    assert row["error_class"] == "oversized"
    assert f"{len(data):,} bytes" in row["reason"]


@pytest.mark.skipif(os.name != "posix", reason="the file name is one that only POSIX systems allow")
def test_a_name_that_no_catalog_holds_is_left_out_and_told(catalog: Catalog, scans: Path) -> None:
    write_photos(scans, 1)
    folder = scans
    # 2,048 bytes is the longest key; a single name may have 255.
    for _ in range(9):
        folder = folder / ("x" * 250)
        os.mkdir(folder)
    write_photos(folder, 1)
    result, run, _ = ingested(catalog, FolderStore(scans))
    assert result.remarks.counts == {RemarkKind.LEFT_OUT: 1}
    assert catalog.counts(run)["inputs"] == 1
