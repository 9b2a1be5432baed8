"""Laws of decisions: none lost, none changed, flags follow them, and so do the queue's counts."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import sqlalchemy as sa

from schemas import session
from schemas.errors import CatalogUseError, OutputChangedError, ReviewConflictError, UnknownItemError
from schemas.repository import Catalog
from schemas.review_records import Decision, DecisionRequest, QueueFilter, Standing
from schemas.reviews import Opinion
from schemas.tables import Base
from tests.schemas.archive import Archive, digest, photo
from tests.schemas.to_review import approve, keys_of, row_of, to_review


@pytest.fixture
def archive(catalog: Catalog) -> Archive:
    return to_review(catalog)


def _counts_are_true(catalog: Catalog) -> None:
    """The tally says what counting would."""
    with catalog.engine.connect() as connection:
        counted = {
            tuple(row)[:2]: row[2]
            for row in connection.execute(
                sa.text("SELECT code, decision, count(*) FROM queue_entry GROUP BY code, decision")
            )
        }
    told: Counter[tuple[str, str]] = Counter()
    for one in catalog.queue_counts():
        told[one.flag or "", one.decision.value] += one.photos
    assert told == counted


def test_deciding_closes_flags_and_undoing_opens_them(archive: Archive) -> None:
    catalog = archive.catalog
    row = row_of(archive, "05.tif")
    review = approve(archive, row)
    assert "05.tif" not in [one["key"] for one in catalog.flagged()]
    assert keys_of(catalog, QueueFilter(decision=Standing.APPROVE)) == ["05"]
    assert {one.state for one in row_of(archive, "05.tif").flags} == {"closed"}
    _counts_are_true(catalog)
    catalog.undo(review, "ada", "wrong photo")
    assert "05.tif" in [one["key"] for one in catalog.flagged()]
    assert row_of(archive, "05.tif").decision is Standing.UNDECIDED
    _counts_are_true(catalog)
    assert [one.decision for one in catalog.reviews(row.item_id)] == ["approve", "undo"]


def test_undo_brings_back_the_decision_before(archive: Archive) -> None:
    catalog = archive.catalog
    first = approve(archive, row_of(archive, "05.tif"))
    row = row_of(archive, "05.tif")
    assert row.last_review == first
    second = catalog.decide(
        row.item_id, Decision.REJECT, "her hand", "ben", row.output_sha256, row.last_review
    )
    with pytest.raises(ReviewConflictError):
        catalog.undo(first, "ada")
    catalog.undo(second.review_id, "ben")
    row = row_of(archive, "05.tif")
    assert row.decision is Standing.APPROVE
    assert {one.state for one in row.flags} == {"closed"}
    with pytest.raises(ReviewConflictError):
        catalog.undo(second.review_id, "ben")


def test_nobody_overwrites_what_he_has_not_seen(archive: Archive) -> None:
    row = row_of(archive, "05.tif")
    first = approve(archive, row, "ada")
    with pytest.raises(ReviewConflictError, match=r"somebody else decided on '05\.tif'") as caught:
        approve(archive, row, "ben")
    assert caught.value.last_review == first
    assert [one.reviewer for one in archive.catalog.reviews(row.item_id)] == ["ada"]


def test_what_was_looked_at_must_be_what_is_there(archive: Archive) -> None:
    row = row_of(archive, "05.tif")
    with pytest.raises(OutputChangedError, match="look at the photo again"):
        archive.catalog.decide(row.item_id, Decision.APPROVE, "", "ada", digest("other"), None)
    with pytest.raises(UnknownItemError):
        archive.catalog.decide(10_000, Decision.APPROVE, "", "ada", row.output_sha256, None)
    failed = archive.catalog.show("00.tif")[0]
    with pytest.raises(UnknownItemError):
        archive.catalog.decide(failed["work_item"], Decision.APPROVE, "", "ada", failed["sha256"], None)
    for wrong in ({"reviewer": " "}, {"decision": Decision.UNDO}):
        with pytest.raises(CatalogUseError):
            archive.catalog.decide(
                **{  # type: ignore[arg-type]
                    "item_id": row.item_id,
                    "decision": Decision.APPROVE,
                    "reason": "",
                    "reviewer": "ada",
                    "output_sha256": row.output_sha256,
                    "seen_review": None,
                    **wrong,
                }
            )


def test_many_at_once_tell_of_each(archive: Archive) -> None:
    catalog = archive.catalog
    rows = catalog.review_queue().rows
    approve(archive, rows[0], "ben")
    requests = [DecisionRequest(row.item_id, row.output_sha256, row.last_review) for row in rows]
    results = catalog.decide_each(requests, Decision.REJECT, "blurred", "ada")
    assert [result.decided for result in results] == [False] + [True] * 5
    assert "somebody else" in (results[0].problem or "")
    _counts_are_true(catalog)


def test_a_photo_that_is_named_twice_is_decided_on_once(archive: Archive) -> None:
    catalog = archive.catalog
    row, other = row_of(archive, "05.tif"), row_of(archive, "06.tif")
    request, further = (DecisionRequest(one.item_id, one.output_sha256) for one in (row, other))
    results = catalog.decide_each([request, further, request], Decision.APPROVE, "", "ada")
    assert [result.item_id for result in results] == [row.item_id, other.item_id]
    (review,) = catalog.reviews(row.item_id)
    catalog.undo(review.review_id, "ada")
    assert row_of(archive, "05.tif").decision is Standing.UNDECIDED
    _counts_are_true(catalog)


@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_a_whole_filter_in_chunks(archive: Archive, chunk: int) -> None:
    catalog = archive.catalog
    first = list(catalog.decide_many(QueueFilter(), Decision.APPROVE, "seen", "ada", limit=2, chunk=chunk))
    assert [result.decided for part in first for result in part] == [True, True]
    rest = list(catalog.decide_many(QueueFilter(), Decision.APPROVE, "seen", "ada", chunk=chunk))
    assert sum(map(len, rest)) == 4
    assert catalog.review_queue().rows == ()
    assert catalog.flagged() == []
    _counts_are_true(catalog)
    assert catalog.verify_audit().entries == 6


def test_reviews_only_grow(archive: Archive) -> None:
    approve(archive, row_of(archive, "05.tif"))
    for table in ("review", "audit"):
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET id = id + 1"):
            with (
                pytest.raises(sa.exc.IntegrityError, match="only grows"),
                archive.catalog.engine.begin() as connection,
            ):
                connection.execute(sa.text(statement))


@pytest.mark.parametrize("upgraded", [False, True])
def test_nothing_takes_the_place_of_a_review(archive: Archive, upgraded: bool) -> None:
    catalog = archive.catalog
    catalog.undo(approve(archive, row_of(archive, "05.tif")), "ada")
    if upgraded:
        url = catalog.engine.url.render_as_string(hide_password=False)
        session.downgrade(url, "0005")
        session.upgrade(url)
    statements = [f"INSERT INTO {table} SELECT * FROM {table} WHERE id = 1 " for table in ("review", "audit")]
    statements = [f"{one} ON CONFLICT (id) DO UPDATE SET id = 99" for one in statements]
    if catalog.engine.dialect.name == "sqlite":
        for table in ("review", "audit"):
            others = [one.name for one in Base.metadata.tables[table].columns if one.name != "id"]
            same = f"INSERT OR REPLACE INTO {table} (id, {', '.join(others)}) SELECT"
            statements += [
                f"{same} {number}, {', '.join(others)} FROM {table} WHERE id = 2" for number in (2, 99)
            ]
    for statement in statements:
        with (
            pytest.raises(sa.exc.IntegrityError, match="only grows"),
            catalog.engine.begin() as connection,
        ):
            connection.execute(sa.text(statement))
    assert catalog.verify_audit().problem is None


def test_decisions_are_events_of_the_reviewer_and_stand_in_the_chain(archive: Archive) -> None:
    row = row_of(archive, "05.tif")
    review = approve(archive, row, "Ada Ångström")
    undo = archive.catalog.undo(review, "ben", "too soon").review_id
    events = archive.catalog.show("05.tif")[0]["events"][-2:]
    assert [(one["type"], one["agent"], one["work_item"], one["run"]) for one in events] == [
        ("appraisal", name, row.item_id, row.run) for name in ("Ada Ångström", "ben")
    ]
    output = {"output_sha256": row.output_sha256}
    approved = {"decision": "approve", "reason": "fine", "review": review, **output}
    undone = {"decision": "undo", "reason": "too soon", "review": undo, "undoes": review, **output}
    assert [one["detail"] for one in events] == [approved, undone]
    chained = archive.catalog.audit_entries()
    assert [(one["actor"], one["action"], one["subject"], one["detail"]) for one in chained] == [
        (name, "review", f"work item {row.item_id}", detail)
        for name, detail in (("ben", undone), ("Ada Ångström", approved))
    ]


def test_redo_waits_for_a_run(archive: Archive) -> None:
    catalog = archive.catalog
    row, other = row_of(archive, "05.tif"), row_of(archive, "06.tif")
    edit = catalog.add_mask_edit(row.item_id, digest("edited"), "file:///out/edits/05.png", "cleo")
    with pytest.raises(CatalogUseError, match="is not of work item"):
        catalog.decide(other.item_id, Decision.REDO, "", "cleo", other.output_sha256, None, edit.mask_edit_id)
    review = catalog.decide(
        row.item_id, Decision.REDO, "her hand", "cleo", row.output_sha256, None, edit.mask_edit_id
    )
    (request,) = catalog.pending_redos(archive.name)
    assert (request.key, request.mask, request.reason) == ("05.tif", edit, "her hand")
    assert request.source == "file:///masters/05.tif"
    catalog.undo(review.review_id, "cleo")
    assert catalog.pending_redos(archive.name) == []
    again = catalog.decide(
        row.item_id,
        Decision.REDO,
        "",
        "cleo",
        row.output_sha256,
        catalog.queue_row(row.item_id).last_review,
    )
    run, _ = archive.start([])
    assert catalog.redo_taken([again.review_id], run) == 1
    assert catalog.redo_taken([again.review_id], run) == 0
    assert catalog.pending_redos(archive.name) == []


def test_a_mask_and_its_redo_are_recorded_together_or_not_at_all(archive: Archive) -> None:
    catalog = archive.catalog
    row = row_of(archive, "05.tif")
    mask = (digest("edited"), "file:///out/edits/05.png")
    redo = Opinion(Decision.REDO, "her hand", "cleo")
    stale = DecisionRequest(row.item_id, digest("other"))
    with pytest.raises(OutputChangedError):
        catalog.redo_with_mask(stale, redo, *mask)
    assert catalog.history(row.item_id)["mask_edits"] == []
    assert catalog.verify_audit().entries == 0
    catalog.redo_with_mask(DecisionRequest(row.item_id, row.output_sha256), redo, *mask)
    (request,) = catalog.pending_redos(archive.name)
    assert request.mask is not None
    assert (request.mask.sha256, request.mask.uri, request.reason) == (*mask, "her hand")
    assert [one["action"] for one in catalog.audit_entries()] == ["mask edited", "review"]


def test_a_request_counts_while_it_is_the_current_decision(archive: Archive) -> None:
    catalog = archive.catalog
    item, output = row_of(archive, "05.tif").item_id, row_of(archive, "05.tif").output_sha256

    def decide(decision: Decision) -> int:
        seen = catalog.queue_row(item).last_review
        return catalog.decide(item, decision, "", "ada", output, seen).review_id

    def wanted() -> list[int]:
        return [request.review_id for request in catalog.pending_redos(archive.name)]

    first = decide(Decision.REDO)
    approval = decide(Decision.APPROVE)
    assert wanted() == []
    catalog.undo(approval, "ada")
    assert wanted() == [first]
    second = decide(Decision.REDO)
    assert wanted() == [second], "asked for twice, done once"


def test_a_decision_on_one_photo_is_no_answer_to_what_was_asked_of_another(archive: Archive) -> None:
    """Requests are handed out oldest first, page by page, and by collection."""
    catalog = archive.catalog
    reviews = {}
    for key in ("06.tif", "05.tif", "07.tif"):
        row = row_of(archive, key)
        reviews[key] = catalog.decide(
            row.item_id, Decision.REDO, "", "ada", row.output_sha256, None
        ).review_id
    approve(archive, row_of(archive, "08.tif"))
    assert {one.key: one.review_id for one in catalog.pending_redos(archive.name)} == reviews
    (first,) = catalog.pending_redos(archive.name, limit=1)
    assert first.key == "06.tif"
    rest = catalog.pending_redos(archive.name, after=first.review_id)
    assert [one.key for one in rest] == ["05.tif", "07.tif"]
    Archive(catalog, name="prints").run([photo("06.tif")])
    assert catalog.pending_redos("prints") == []


def test_two_masks_for_one_photo_at_once_are_one_redo_and_one_conflict(archive: Archive) -> None:
    """Neither waits for the other in a circle."""
    catalog, row = archive.catalog, row_of(archive, "05.tif")
    for _ in range(10):
        seen = DecisionRequest(row.item_id, row.output_sha256, catalog.queue_row(row.item_id).last_review)
        ready = Barrier(2)

        def submit(reviewer: str, seen: DecisionRequest = seen, ready: Barrier = ready) -> bool:
            ready.wait()
            try:
                opinion = Opinion(Decision.REDO, "", reviewer)
                catalog.redo_with_mask(seen, opinion, digest(reviewer), f"file:///{reviewer}.png")
            except ReviewConflictError:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(submit, ("ada", "cleo"))) == [False, True]


def test_the_history_of_an_item_has_everything(archive: Archive) -> None:
    catalog = archive.catalog
    row = row_of(archive, "05.tif")
    approve(archive, row)
    told = catalog.history(row.item_id)
    assert (told["key"], told["work_item"]) == ("05.tif", row.item_id)
    assert told["recipe_document"] == {"tier": "enhanced"}
    assert [model["name"] for model in told["models"]] == ["detector"]
    assert [review["reviewer"] for review in told["reviews"]] == ["ada"]
    assert told["queue"].decision is Standing.APPROVE
    assert {"content", "locations", "events", "derivatives", "faces", "measurements", "flags"} <= set(told)
    with pytest.raises(UnknownItemError):
        catalog.history(10_000)
