"""The documented views: every SQL example of the documentation runs, on both databases, and finds something."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from schemas.exports.approval import objection
from schemas.records import EventRecord, EventType, OutcomeRecord, PendingItem
from schemas.repository import Catalog
from schemas.review_records import Decision, QueueFilter
from tests.schemas.archive import Archive, digest, failed, full, photo, refused

PAGE = Path(__file__).parents[2] / "docs" / "catalog.md"
EXAMPLES = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
_VIEWS_PART = PAGE.read_text(encoding="utf-8").partition("## Flags")[0]
VIEWS = re.findall(r"^\| `(\w+)` \|", _VIEWS_PART, re.MULTILINE)


def _verdict(item: PendingItem) -> OutcomeRecord:
    return failed(item) if item.key == "f.tif" else full(item)


@pytest.fixture
def archive(catalog: Catalog) -> Archive:
    archive = Archive(catalog)
    archive.run([photo("a.tif"), photo("b.tif"), photo("f.tif"), refused("c.txt")], _verdict)
    row = catalog.review_queue().rows[0]
    catalog.decide(row.item_id, Decision.APPROVE, "", "ada", row.output_sha256, None)
    return archive


def test_every_example_runs_and_finds_something(archive: Archive) -> None:
    assert len(EXAMPLES) >= 10
    archive.catalog.record_run_event(1, EventRecord(EventType.INGESTION, detail={"counts": {"missing": 1}}))
    with archive.catalog.engine.connect() as connection:
        for example in EXAMPLES:
            assert connection.execute(sa.text(example)).all(), example


def test_open_flags_by_code_agree_with_the_command_line(archive: Archive) -> None:
    """Also after another recipe: what it took the place of is not to be looked at any more."""
    Archive(archive.catalog, settings={"tier": "conserved"}).run([photo("a.tif"), photo("b.tif")], full)
    (example,) = (one for one in EXAMPLES if "lowest" in one)
    with archive.catalog.engine.connect() as connection:
        rows = connection.execute(sa.text(example)).all()
    told = {row["flag"]: row["open"] for row in archive.catalog.stats("flag")}
    assert {row.code: row.photos for row in rows} == told == {"mask-share": 2, "colour-drift": 2}


def test_a_photo_that_several_approved_is_published_once(archive: Archive) -> None:
    row = next(
        row for row in archive.catalog.review_queue(QueueFilter(decision=None)).rows if row.last_review
    )
    archive.catalog.decide(row.item_id, Decision.APPROVE, "", "ben", row.output_sha256, row.last_review)
    (example,) = (one for one in EXAMPLES if "reviewer" in one)
    with archive.catalog.engine.connect() as connection:
        rows = connection.execute(sa.text(example)).all()
    assert [(one.key, one.reviewer) for one in rows] == [(row.key, "ben")]


def test_the_publication_list_has_what_an_export_for_publication_would_take(archive: Archive) -> None:
    """Photos that needed nothing too: approved by their scan's digest, they have no restored file."""
    catalog = archive.catalog
    archive.run([photo("s.tif"), photo("t.tif")], lambda item: OutcomeRecord(item.work_item_id, "skipped"))
    rows = {row.key: row for row in catalog.review_queue(QueueFilter(flagged_only=False)).rows}
    row = rows["s.tif"]
    catalog.decide(row.item_id, Decision.APPROVE, "", "ada", row.output_sha256, None)
    (example,) = (one for one in EXAMPLES if "reviewer" in one)
    with catalog.engine.connect() as connection:
        listed = {row.key: row.approved_sha256 for row in connection.execute(sa.text(example))}
    approved = [dossier for dossier in catalog.dossiers(limit=100) if objection(dossier) is None]
    assert listed.keys() == {dossier["key"] for dossier in approved}
    assert len(listed) == 2
    assert listed["s.tif"] == digest("s.tif")


def test_the_page_names_every_view(archive: Archive) -> None:
    assert sorted(VIEWS) == sorted(sa.inspect(archive.catalog.engine).get_view_names())


def test_views_agree_with_the_queries(archive: Archive) -> None:
    with archive.catalog.engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT * FROM results ORDER BY work_item")).mappings().all()
        for row in rows:
            (told,) = archive.catalog.show(row["key"])
            assert (row["outcome"], row["restored"], row["sha256"]) == (
                told["outcome"],
                told["restored"],
                told["sha256"],
            )
            assert row["decision"] in (told["decision"], None)
