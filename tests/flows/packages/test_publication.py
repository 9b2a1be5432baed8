"""What is published was approved, and stays so until the package is whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from flows.progress import Nobody, Progress, listening
from flows.request import RestoreRequest
from schemas.repository import Catalog
from schemas.review_records import Decision
from tests.flows.material import write_photos
from tests.flows.packages.exporting import EVERYTHING, approve, export
from tests.flows.restored import restore_inline


def test_publishing_refuses_what_nobody_approved(archive: Catalog, tmp_path: Path) -> None:
    approve(archive, limit=3)
    before = archive.verify_audit().entries
    found = export(archive, tmp_path / "bag", "bag", for_publication=True)
    assert (found["written"], found["left_out"]) == (False, 4)
    reasons = {one["key"]: one["reason"] for one in found["refused"]}
    assert reasons["broken-text.jpg"] == "it is quarantined"
    assert list(reasons.values()).count("nobody has decided on it") == 2
    assert not (tmp_path / "bag").exists()
    assert archive.verify_audit().entries == before


def test_a_rejected_photo_is_not_published(archive: Catalog, tmp_path: Path) -> None:
    row = archive.review_queue(EVERYTHING).rows[0]
    archive.decide(row.item_id, Decision.REJECT, "", "ada", row.output_sha256, row.last_review)
    approve(archive, limit=1)
    found = export(archive, tmp_path / "bag", "bag", approved_only=True)
    assert (found["written"], found["photos"], found["left_out"]) == (True, 1, 6)


@pytest.mark.parametrize("form", ["bag", "premis", "iiif"])
def test_a_package_of_no_photo_is_not_written(archive: Catalog, tmp_path: Path, form: str) -> None:
    """A bag without a payload is none that other programs accept, and who publishes is told that nothing was."""
    before = archive.verify_audit().entries
    found = export(archive, tmp_path / form, form, approved_only=True, base_url="https://archive.example")
    assert (found["written"], found["photos"], found["left_out"]) == (False, 0, 7)
    assert list(tmp_path.iterdir()) == []
    assert archive.verify_audit().entries == before


def test_a_wholly_approved_collection_is_published_without_the_others(tmp_path: Path, weights: Path) -> None:
    (tmp_path / "scans").mkdir()
    write_photos(tmp_path / "scans", 1)
    request = RestoreRequest(
        str(tmp_path / "scans"), str(tmp_path / "out"), weights=str(weights), executor="inline"
    )
    for collection in ("one", "two"):
        restore_inline(replace(request, collection=collection))
    with Catalog.open(request.catalog_url()) as catalog:
        list(catalog.decide_many(replace(EVERYTHING, collection="one"), Decision.APPROVE, "fine", "ada"))
        for collection, written in (("one", True), ("two", False)):
            found = export(catalog, tmp_path / collection, "bag", collection=collection, for_publication=True)
            assert (found["written"], found["photos"], found["left_out"]) == (written, written, not written)


class Meanwhile(Nobody):
    """Does something once a first photo is in the package."""

    def __init__(self, happens: Callable[[], object]) -> None:
        self.happens: list[Callable[[], object]] = [happens]

    def progress(self, progress: Progress) -> None:
        if progress.phase == "export" and self.happens:
            self.happens.pop()()


@pytest.mark.parametrize(
    ("change", "destination"), [("an approval is withdrawn", "new"), ("a run adds a result", "there")]
)
def test_what_is_no_longer_all_approved_is_not_published(
    change: str, destination: str, tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.packages.PAGE", 1)
    (tmp_path / "there").mkdir()
    scans, folder = tmp_path / "scans", tmp_path / destination
    write_photos(scans, 2)
    request = RestoreRequest(str(scans), str(tmp_path / "out"), weights=str(weights), executor="inline")
    restore_inline(request)
    with Catalog.open(request.catalog_url()) as catalog:

        def meanwhile() -> None:
            if change == "a run adds a result":
                write_photos(scans, 3)
                restore_inline(request)
            else:
                (last,) = catalog.show("photo-001.jpg")
                catalog.undo(catalog.reviews(last["work_item"])[-1].review_id, "eve")

        approve(catalog)
        with listening(Meanwhile(meanwhile)):
            found = export(catalog, folder, "bag", for_publication=True)
        assert (found["written"], found["photos"], found["files"], found["left_out"]) == (False, 0, 0, 1)
        assert [one["reason"] for one in found["refused"]] == ["nobody has decided on it"]
        assert "published" not in {entry["action"] for entry in catalog.audit_entries()}
        assert not (tmp_path / "new").exists()
        assert not any((tmp_path / "there").iterdir())
        approve(catalog)
        assert export(catalog, folder, "bag", for_publication=True)["written"]
