"""A run says where results lie that it counts as already done, unless they are in its own destination."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flows.progress import listening
from flows.rebuild import rebuild_catalog
from flows.recording import recorded_run
from flows.rehearsal import rehearse
from flows.remarks import Remark, RemarkKind
from flows.request import RestoreRequest
from flows.restore_archive import ingest_source, plan_work, write_run_report
from flows.workplace import open_workplace
from schemas.repository import Catalog
from tests.flows.ears import Ears
from tests.flows.material import write_photos
from tests.flows.restored import restore_inline


@pytest.fixture
def request_(scans: Path, archive: Path, weights: Path, tmp_path: Path) -> RestoreRequest:
    """Two photographs, restored into a destination beside which the catalog lies."""
    write_photos(scans, 2)
    request = RestoreRequest(
        str(scans),
        str(archive),
        catalog=str(tmp_path / "catalog.db"),
        collection="plates",
        weights=str(weights),
        executor="inline",
    )
    restore_inline(request)
    return request


def remarked(request: RestoreRequest) -> list[Remark]:
    """What a run that has nothing to do remarks; a dry run before it says the same."""
    ears = Ears()
    with listening(ears):
        rehearse(request)
    with open_workplace(request) as place, recorded_run(place, None) as run:
        remarks = ingest_source.fn(place, run).remarks
        plan = plan_work.fn(place, run, remarks)
        assert plan.pending == 0
        report = write_run_report.fn(place, run, plan, remarks)
    assert ears.details[0].remarks.named == remarks.named
    assert remarks.incomplete == bool(remarks.named)
    assert not remarks.named or (report is not None and remarks.named[0].title in _page(report.uri))
    return remarks.named


def _page(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def test_another_destination_is_told_where_the_results_lie(request_: RestoreRequest, tmp_path: Path) -> None:
    (remark,) = remarked(replace(request_, destination=str(tmp_path / "other")))
    assert (remark.kind, remark.path) == (RemarkKind.ELSEWHERE, request_.destination)
    assert "oldphoto catalog rebuild" in remark.reason
    assert "--collection" in remark.reason


def test_the_same_destination_by_another_name_is_the_same(
    request_: RestoreRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(request_.destination)
    monkeypatch.chdir(tmp_path)
    for name in ("link", "archive", "./scans/../archive/", f"file://{request_.destination}"):
        assert remarked(replace(request_, destination=name)) == []


def test_a_moved_destination_that_the_catalog_follows_is_the_same(
    request_: RestoreRequest, tmp_path: Path
) -> None:
    moved = replace(request_, destination=str(Path(request_.destination).rename(tmp_path / "moved")))
    assert [one.kind for one in remarked(moved)] == [RemarkKind.ELSEWHERE]
    assert rebuild_catalog(moved.destination, moved.catalog)["relocated"] == 2
    assert remarked(moved) == []
    (remark,) = remarked(request_)
    assert remark.path.startswith(moved.destination), "and it is named where it lies now"


def test_photos_of_other_sources_are_not_asked_about(request_: RestoreRequest, tmp_path: Path) -> None:
    """Boxes of one collection, each restored into a destination of its own."""
    box = tmp_path / "box"
    box.mkdir()
    (photo,) = write_photos(box, 1)
    photo.rename(box / "other.png")
    second = replace(request_, source=str(box), destination=str(tmp_path / "second"))
    restore_inline(second)
    assert remarked(second) == []
    assert remarked(request_) == []
    with Catalog.open(request_.catalog_url()) as catalog:
        assert len({run["parameters"]["destination"] for run in catalog.runs()}) == 2
