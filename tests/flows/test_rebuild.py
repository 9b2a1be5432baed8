"""A lost catalog comes back from the destination alone: the same photos, files, findings and recipes."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest
from typer.testing import CliRunner

from cli.main import build_app
from flows import rebuild
from flows.fixity import check_files
from flows.rebuild import rebuild_catalog
from flows.request import RestoreRequest
from schemas.rebuild_records import Taken
from schemas.repository import Catalog
from schemas.review_records import Decision
from tests.flows.material import aged_photo
from tests.flows.restored import restore_inline, small_archive

TIMES = ("first_seen", "last_seen", "created_at", "finished_at", "seconds", "at", "modified")
NUMBERS = ("run", "work_item", "asset", "events", "last_seen_run_id")


def _timeless(value: Any) -> Any:
    """What a sidecar can tell: no times, no numbers that a database gives."""
    if isinstance(value, dict):
        return {name: _timeless(one) for name, one in value.items() if name not in (*TIMES, *NUMBERS)}
    if isinstance(value, list):
        return sorted((_timeless(one) for one in value), key=str)
    return value


def _told(url: str) -> list[Any]:
    with Catalog.open(url, create=False) as catalog:
        return [
            _timeless(row)
            for row in sorted(catalog.dossiers(), key=lambda row: str(row["key"]))
            if row["outcome"] in ("done", "skipped")
        ]


def test_what_was_lost_comes_back(tmp_path: Path, weights: Path) -> None:
    request = small_archive(tmp_path, weights)
    url = request.catalog_url()
    before = _told(url)
    with Catalog.open(url) as catalog:
        counts, flags = catalog.queue_counts(), catalog.stats("flag")
        recipe = catalog.history(catalog.dossiers()[0]["work_item"])["recipe_document"]
    for path in Path(request.destination).glob("catalog.db*"):
        path.unlink()

    found = rebuild_catalog(request.destination, verify=True, actor="ada")
    assert (found["photos"], found["skipped"], found["problems"]) == (5, 0, [])
    assert _told(url) == before
    with Catalog.open(url) as catalog:
        assert catalog.queue_counts() == counts
        assert [{**row, "collection": ""} for row in catalog.stats("flag")] == [
            {**row, "collection": ""} for row in flags
        ]
        first = catalog.dossiers()[0]
        assert catalog.history(first["work_item"])["recipe_document"] == recipe
        assert first["events"][-1]["type"] == "recovery"
        assert catalog.audit_entries()[0]["action"] == "catalog rebuilt"
        assert catalog.verify_audit().broken is None

        runs, entries = catalog.runs(), catalog.audit_entries()

    again = rebuild_catalog(request.destination)
    assert (again["photos"], again["skipped"]) == (0, 5)
    assert _told(url) == before
    with Catalog.open(url) as catalog:
        assert (catalog.runs(), catalog.audit_entries()) == (runs, entries), "nothing was added"

    restore_inline(request)
    with Catalog.open(url) as catalog:
        run = catalog.runs()[0]
    assert (run["already_done"], run["done"], run["quarantined"]) == (5, 0, 2), "and the next run goes on"


def test_the_last_of_several_results_is_the_present_one_again(tmp_path: Path, weights: Path) -> None:
    request = small_archive(tmp_path, weights)
    restore_inline(replace(request, tier="conserved"))
    restore_inline(replace(request, keep_tiers=True))
    url = request.catalog_url()
    before = _told(url)
    for path in Path(request.destination).glob("catalog.db*"):
        path.unlink()
    found = rebuild_catalog(request.destination)
    assert (found["photos"], found["problems"]) == (15, [])
    assert _told(url) == before


def test_a_copy_without_times_has_the_same_present_results(request_: RestoreRequest, scans: Path) -> None:
    """Two scans of one photo, and another photo between them."""
    assert cv2.imwrite(str(scans / "b.png"), aged_photo(3))
    for seed in (1, 2):
        assert cv2.imwrite(str(scans / "a.png"), aged_photo(seed))
        restore_inline(request_)
    destination = Path(request_.destination)
    for path in destination.rglob("*"):
        os.utime(path, (1.7e9, 1.7e9))
    before = _told(request_.catalog_url())
    copied = f"sqlite:///{destination.parent / 'copied.db'}"
    assert rebuild_catalog(request_.destination, copied)["photos"] == 3
    assert [row["restored"] for row in _told(copied)] == [row["restored"] for row in before]


def test_a_copy_with_times_of_its_own_has_the_same_present_result(
    request_: RestoreRequest, scans: Path
) -> None:
    """As `rsync -r` and `aws s3 sync` make it: each file has the time of its copying, one after the other by name."""
    for seed in (1, 2, 3):
        assert cv2.imwrite(str(scans / "a.png"), aged_photo(seed))
        restore_inline(request_)
    destination = Path(request_.destination)
    _copy_without_times(destination)
    (before,) = _told(request_.catalog_url())
    copied = f"sqlite:///{destination.parent / 'copied.db'}"
    assert rebuild_catalog(request_.destination, copied)["photos"] == 3
    (after,) = _told(copied)
    assert (after["restored"], after["sha256"]) == (before["restored"], before["sha256"])
    assert [place["sha256"] for place in after["locations"]] == [before["sha256"]], "the last scan lies there"


def _copy_without_times(destination: Path) -> None:
    """Give each file the time of its copying, one after the other by name."""
    for second, path in enumerate(sorted(destination.rglob("*"))):
        os.utime(path, (1.7e9 + second, 1.7e9 + second))


def _batches(url: str) -> list[int]:
    """How many photos each entry of the audit chain tells of."""
    with Catalog.open(url, create=False) as catalog:
        return sorted(entry["detail"]["photos"] for entry in catalog.audit_entries())


def test_results_of_two_recipes_are_recorded_in_whole_batches_from_a_copy_without_times(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = small_archive(tmp_path, weights)
    restore_inline(replace(request, tier="conserved"))
    before = _told(request.catalog_url())
    _copy_without_times(Path(request.destination))
    for size, batches in ((200, [5, 5]), (2, [1, 1, 2, 2, 2, 2])):
        monkeypatch.setattr(rebuild, "BATCH", size)
        copied = f"sqlite:///{tmp_path / f'{size}.db'}"
        assert rebuild_catalog(request.destination, copied)["photos"] == 10
        assert _batches(copied) == batches
        assert [row["restored"] for row in _told(copied)] == [row["restored"] for row in before]


def test_results_of_two_collections_by_turns_are_recorded_in_whole_batches(
    request_: RestoreRequest, scans: Path
) -> None:
    other = scans.with_name("other scans")
    other.mkdir()
    for number in range(6):
        folder = (scans, other)[number % 2]
        assert cv2.imwrite(str(folder / f"{number}.png"), aged_photo(number))
    restore_inline(replace(request_, collection="one"))
    restore_inline(replace(request_, collection="two", source=str(other)))
    _copy_without_times(Path(request_.destination))
    copied = f"sqlite:///{scans.parent / 'copied.db'}"
    assert rebuild_catalog(request_.destination, copied)["collections"] == ["one", "two"]
    assert _batches(copied) == [3, 3]


def test_a_moved_archive_is_followed_with_its_reviews(tmp_path: Path, weights: Path) -> None:
    request = small_archive(tmp_path, weights)
    with Catalog.open(request.catalog_url()) as catalog:
        (row,) = catalog.show("photo-000.png")
        catalog.decide(row["work_item"], Decision.APPROVE, "", "ada", row["derivatives"][0]["sha256"], None)
    moved = replace(
        request,
        source=str((tmp_path / "scans").rename(tmp_path / "glass plates")),
        destination=str((tmp_path / "archive").rename(tmp_path / "restored plates")),
        # The run named none, so the collection is called after the folder that the scans lay in.
        collection=request.collection_name(),
    )
    found = rebuild_catalog(moved.destination, actor="ada")
    assert (found["photos"], found["skipped"], found["relocated"], found["problems"]) == (0, 5, 5, [])
    restore_inline(moved)
    with Catalog.open(moved.catalog_url()) as catalog:
        run = catalog.runs()[0]
        assert (run["already_done"], run["pending"]) == (7, 0), "the name given stands for the old folder"
        checked = check_files(catalog, None, 1.0, None, False, 4)
        assert (checked["missing"], checked["changed"], checked["unreadable"]) == (0, 0, 0)
        (row,) = catalog.show("photo-000.png")
        assert row["decision"] == "approve"
        entry = catalog.audit_entries()[0]
        assert (entry["action"], entry["detail"]["relocated"]) == ("catalog rebuilt", 5)
    again = rebuild_catalog(moved.destination)
    assert (again["photos"], again["skipped"], again["relocated"]) == (0, 5, 0)


def _interrupt(patch: pytest.MonkeyPatch, batch: int) -> None:
    """Ctrl-C as soon as that batch is recorded."""
    whole, recorded = Catalog.take_back, []

    def take_back(catalog: Catalog, *arguments: Any, **more: Any) -> Taken:
        recorded.append(taken := whole(catalog, *arguments, **more))
        if len(recorded) == batch:
            raise KeyboardInterrupt
        return taken

    patch.setattr(Catalog, "take_back", take_back)


def test_an_interrupted_rebuild_is_counted_and_told_like_a_whole_one(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a catalog that was lost, and of one whose destination was moved; after each batch, the last too."""
    request = small_archive(tmp_path, weights)
    moved = str(Path(request.destination).rename(tmp_path / "restored plates"))
    monkeypatch.setattr(rebuild, "BATCH", 2)
    for batch in (1, 2, 3):
        for was_lost in (True, False):
            path = tmp_path / f"{batch} {was_lost}.db"
            if not was_lost:
                shutil.copy(Path(moved) / "catalog.db", path)
            with monkeypatch.context() as patch:
                _interrupt(patch, batch)
                with pytest.raises(KeyboardInterrupt):
                    rebuild_catalog(moved, f"sqlite:///{path}", actor="ada")
            rebuild_catalog(moved, f"sqlite:///{path}", actor="ben")
            with Catalog.open(f"sqlite:///{path}", create=False) as catalog:
                runs = [run for run in catalog.runs() if "rebuilt_from" in run["parameters"]]
                told = catalog.audit_entries()
                assert catalog.verify_audit().problem is None
            assert all(run["inputs"] == run["done"] + run["skipped"] for run in runs)
            assert sum(run["inputs"] for run in runs) == (5 if was_lost else 0)
            known = [sum(one["detail"][name] for one in told) for name in ("photos", "relocated")]
            assert known == ([5, 0] if was_lost else [0, 5])
            assert {one["actor"] for one in told} == ({"ada"} if batch == 3 else {"ada", "ben"})


def test_the_folder_above_a_destination_is_not_taken_for_it(tmp_path: Path, weights: Path) -> None:
    request = small_archive(tmp_path, weights)
    restore_inline(replace(request, tier="conserved"))
    before = _told(request.catalog_url())
    found = rebuild_catalog(str(tmp_path), request.catalog_url())
    assert (found["photos"], found["skipped"], found["relocated"]) == (0, 0, 0)
    assert len(found["problems"]) == 10
    assert "Name that folder" in found["problems"][0]
    assert _told(request.catalog_url()) == before


def test_what_cannot_be_read_is_named_and_stops_nothing(tmp_path: Path, weights: Path) -> None:
    request = small_archive(tmp_path, weights)
    destination = Path(request.destination)
    sidecars = sorted((destination / "sidecars").rglob("*.json"))
    sidecars[0].write_text("{")
    facts = json.loads(sidecars[1].read_text())
    sidecars[1].write_text(json.dumps({**facts, "format": "oldphoto-sidecar/99"}))
    restored = next(path for path in (destination / "restored").rglob("photo-000*"))
    restored.write_bytes(b"other")
    for path in (destination / "recipes").glob("*.json"):
        path.unlink()
    found = rebuild_catalog(request.destination, f"sqlite:///{tmp_path / 'new.db'}", verify=True)
    assert found["photos"] == 2
    assert len(found["problems"]) == 4
    assert any("backup" in problem for problem in found["problems"])
    assert any("recipe" in problem for problem in found["problems"])


def test_all_problems_are_counted_though_not_all_are_named(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = small_archive(tmp_path, weights)
    for path in (Path(request.destination) / "sidecars").rglob("*.json"):
        path.write_text("{")
    monkeypatch.setattr(rebuild, "NAMED", 2)
    found = rebuild_catalog(request.destination, f"sqlite:///{tmp_path / 'new.db'}")
    assert (found["photos"], len(found["problems"]), found["unnamed"]) == (0, 2, 3)
    told = CliRunner().invoke(build_app(), ["catalog", "rebuild", request.destination])
    assert told.exit_code == 3
    assert "… and 3 more" in told.output.splitlines()


def test_a_sidecar_of_the_first_version(tmp_path: Path, weights: Path) -> None:
    request = small_archive(tmp_path, weights)
    for path in (Path(request.destination) / "sidecars").rglob("*.json"):
        facts = json.loads(path.read_text())
        for name in ("collection", "size", "prefix", "stem"):
            del facts[name]
        path.write_text(json.dumps({**facts, "format": "oldphoto-sidecar/1"}))
    found = rebuild_catalog(request.destination, f"sqlite:///{tmp_path / 'new.db'}")
    assert (found["photos"], found["problems"]) == (5, [])
    assert found["collections"] == [request.collection_name()]
