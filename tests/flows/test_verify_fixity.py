"""Fixity checks name every file that is missing or changed, and leave an event with each photo."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from flows.fixity import FixityReport, check_files
from oldphoto_core.errors import UsageError
from schemas.errors import CatalogUseError
from schemas.fixity import FixityResult
from schemas.records import DerivativeRecord, OutcomeRecord, PendingItem
from schemas.repository import Catalog
from tests.schemas.archive import Archive, AssetRecord, failed

KEYS = ("a.tif", "b c/d.tif", "=1+1.tif")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Files:
    """Masters and derivatives as real files below ``root``, and a catalog that knows them."""

    def __init__(self, root: Path, catalog: Catalog) -> None:
        self.root, self.catalog = root, catalog
        archive = Archive(catalog)
        archive.run([self.record(key) for key in KEYS], self._made)

    def _write(self, name: str, data: bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def record(self, key: str) -> AssetRecord:
        data = f"master {key}".encode()
        path = self._write(f"masters/{key}", data)
        return AssetRecord(key, str(path), len(data), "now", _digest(data), format="TIFF")

    def _made(self, item: PendingItem) -> OutcomeRecord:
        data = f"restored {item.key}".encode()
        path = self._write(f"out/restored/{item.derivative_stem}.tif", data)
        file = DerivativeRecord("restored", "enhanced", str(path), _digest(data), len(data), "image/tiff")
        return OutcomeRecord(item.work_item_id, "done", derivatives=(file,))

    def check(self, **more: Any) -> dict[str, Any]:
        options = {"collection": None, "sample": 1.0, "seed": 1, "masters_only": False, "threads": 2, **more}
        return dict(check_files(self.catalog, **options))


@pytest.fixture
def files(tmp_path: Path, catalog: Catalog) -> Files:
    return Files(tmp_path, catalog)


def test_an_untouched_archive_is_sound(files: Files) -> None:
    found = files.check()
    assert (found["photos"], found["files"], found["problems"]) == (3, 6, [])
    assert found["bytes"] == sum(path.stat().st_size for path in files.root.rglob("*.tif"))
    event = files.catalog.show("a.tif")[0]["events"][-1]
    assert (event["type"], event["outcome"], event["detail"]["files"]) == ("fixity check", "success", 2)


def test_what_is_wrong_is_named_with_its_remedy(files: Files) -> None:
    (files.root / "masters/a.tif").write_bytes(b"master b.tif")
    (files.root / "out/restored/b c/d.tif").unlink()
    found = files.check()
    assert (found["missing"], found["changed"], found["unreadable"]) == (1, 1, 0)
    changed, missing = found["problems"]
    assert (changed["key"], changed["role"], changed["problem"]) == ("a.tif", "master", "changed")
    assert (changed["collection"], changed["uri"]) == ("glass plates", str(files.root / "masters/a.tif"))
    assert changed["found"] == _digest(b"master b.tif") != changed["expected"] == _digest(b"master a.tif")
    assert (missing["key"], missing["role"]) == ("b c/d.tif", "restored")
    assert "backup" in missing["remedy"]
    event = files.catalog.show("a.tif")[0]["events"][-1]
    assert (event["outcome"], event["detail"]["problems"][0]["problem"]) == ("fail", "changed")
    assert files.check(masters_only=True)["missing"] == 0


def test_one_collection_can_be_checked(files: Files) -> None:
    (files.root / "masters/a.tif").unlink()
    prints = Archive(files.catalog, name="prints")
    prints.run([replace(files.record("b.tif"), key="a.tif")], failed)
    assert (files.check()["photos"], files.check()["missing"]) == (4, 1)
    found = files.check(collection="prints")
    assert (found["photos"], found["files"], found["missing"]) == (1, 1, 0)
    with pytest.raises(CatalogUseError, match="no collection"):
        files.check(collection="films")


def test_a_report_counts_every_problem_and_names_the_first() -> None:
    report = FixityReport(kept=2)
    for asset in (1, 2):
        wrong = ({"problem": "missing", "key": f"{asset}"}, {"problem": "changed", "key": f"{asset}"})
        report.add(FixityResult(asset, 5, wrong), read=100)
    told = report.summary(seconds=1.5)
    assert (told["photos"], told["files"], told["bytes"], told["seconds"]) == (2, 10, 200, 1.5)
    assert (told["missing"], told["changed"], told["unreadable"]) == (2, 2, 0)
    assert [problem["key"] for problem in told["problems"]] == ["1", "1"]


def test_what_cannot_be_looked_at_is_not_called_missing(files: Files) -> None:
    master = files.root / "masters/a.tif"
    master.unlink()
    master.symlink_to(master)
    (problem,) = files.check()["problems"]
    assert (problem["key"], problem["problem"]) == ("a.tif", "unreadable")
    assert "symbolic links" in problem["error"]


def test_masks_that_people_drew_are_looked_at(files: Files) -> None:
    drawn = files.root / "out/a.edit.png"
    drawn.write_bytes(b"drawn")
    item = files.catalog.show("a.tif")[0]["work_item"]
    files.catalog.add_mask_edit(item, _digest(b"drawn"), str(drawn), "ada")
    assert (files.check()["files"], files.check()["problems"]) == (7, [])
    drawn.unlink()
    (problem,) = files.check()["problems"]
    assert (problem["key"], problem["role"], problem["problem"]) == ("a.tif", "drawn mask", "missing")
    assert files.check(masters_only=True)["problems"] == []


def test_samples_are_drawn(files: Files) -> None:
    drawn = {seed: files.check(sample=0.4, seed=seed)["photos"] for seed in range(30)}
    assert set(drawn.values()) >= {0, 1, 2}
    assert files.check(sample=0.4, seed=7)["photos"] == drawn[7]
    with pytest.raises(UsageError, match="share"):
        files.check(sample=0)


def test_without_a_thread_nothing_can_be_read(files: Files) -> None:
    with pytest.raises(UsageError, match="0 threads"):
        check_files(files.catalog, None, 1.0, None, False, 0)


@pytest.mark.integration
def test_files_in_a_bucket(catalog: Catalog, bucket: str) -> None:
    client = boto3.client("s3")
    records = []
    for key in KEYS:
        client.put_object(Bucket=bucket, Key=f"scans/{key}", Body=key.encode())
        uri = f"s3://{bucket}/scans/{key}"
        records.append(AssetRecord(key, uri, len(key), "now", _digest(key.encode())))
    Archive(catalog).run(records, lambda item: OutcomeRecord(item.work_item_id, "skipped"))
    client.put_object(Bucket=bucket, Key=f"scans/{KEYS[0]}", Body=b"other")
    client.delete_object(Bucket=bucket, Key=f"scans/{KEYS[1]}")
    found = dict(check_files(catalog, None, 1.0, None, False, 2))
    assert (found["files"], found["missing"], found["changed"]) == (3, 1, 1)
