"""Accounts, lots and the audit chain."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from schemas import audit, lots
from schemas.errors import CatalogUseError, UnknownAccountError
from schemas.repository import Catalog
from schemas.review_records import Decision, QueueFilter, Role, Verdict
from schemas.sampling import SamplingPlan, code_letter, draw, sampling_plan
from tests.schemas.archive import Archive, done, photo

EVERYTHING = QueueFilter(flagged_only=False)


def test_accounts(catalog: Catalog) -> None:
    assert catalog.account("ada") is None
    catalog.add_account("ada", Role.ADMIN, "argon2$x", by="ada")
    catalog.add_account("ben", Role.VIEWER)
    with pytest.raises(CatalogUseError, match="already"):
        catalog.add_account("ben", Role.ADMIN)
    for name in ("", "  ", "a\x00b", "two\nlines", "x" * 101):
        with pytest.raises(CatalogUseError, match="cannot be an account's name"):
            catalog.add_account(name, Role.VIEWER)
    with pytest.raises(CatalogUseError, match="last admin"):
        catalog.disable("ada")
    assert catalog.set_role("ben", Role.ADMIN, by="ada").role is Role.ADMIN
    assert catalog.disable("ada", by="ben").disabled
    with pytest.raises(CatalogUseError, match="last admin"):
        catalog.set_role("ben", Role.VIEWER)
    assert catalog.set_password("ben", None).password_hash is None
    with pytest.raises(UnknownAccountError):
        catalog.disable("nobody")
    assert [one.name for one in catalog.accounts()] == ["ada", "ben"]
    actions = [one["action"] for one in catalog.audit_entries()]
    assert actions[::-1] == [
        "account added",
        "account added",
        "role changed",
        "account disabled",
        "password changed",
    ]
    assert "argon2" not in str(catalog.audit_entries()), "a hash is nobody's business"


# Rows of ISO 2859-1, table 2-A, as printed: AQL, then (letter, sample size, accept, reject).
PRINTED = {
    0.65: [("F", 20, 0, 1), ("J", 80, 1, 2), ("K", 125, 2, 3), ("L", 200, 3, 4), ("M", 315, 5, 6)],
    1.0: [("E", 13, 0, 1), ("H", 50, 1, 2), ("J", 80, 2, 3), ("K", 125, 3, 4), ("L", 200, 5, 6)],
    2.5: [("C", 5, 0, 1), ("F", 20, 1, 2), ("G", 32, 2, 3), ("H", 50, 3, 4), ("J", 80, 5, 6)],
    4.0: [("B", 3, 0, 1), ("H", 50, 5, 6), ("K", 125, 10, 11), ("L", 200, 14, 15), ("M", 315, 21, 22)],
    6.5: [("A", 2, 0, 1), ("D", 8, 1, 2), ("G", 32, 5, 6), ("J", 80, 10, 11), ("L", 200, 21, 22)],
}
LOT_OF = {
    "A": 8, "B": 15, "C": 25, "D": 50, "E": 90, "F": 150, "G": 280, "H": 500,
    "J": 1200, "K": 3200, "L": 10_000, "M": 35_000, "N": 150_000, "P": 500_000, "Q": 500_001,
}  # fmt: skip


@pytest.mark.parametrize(("aql", "row"), [(aql, row) for aql, rows in PRINTED.items() for row in rows])
def test_plans_are_those_of_the_standard(aql: float, row: tuple[str, int, int, int]) -> None:
    assert sampling_plan(LOT_OF[row[0]], aql) == SamplingPlan(*row)


def test_letters_and_arrows() -> None:
    for letter, largest in LOT_OF.items():
        assert code_letter(largest) == letter
    assert code_letter(500_000) == "P"
    assert code_letter(9) == "B"
    assert code_letter(1200, "I") == "G"
    assert [code_letter(size, "III") for size in (8, 90, 1200, 500_000)] == ["B", "F", "K", "Q"]
    assert sampling_plan(500, 1.0) == SamplingPlan("H", 50, 1, 2)
    assert sampling_plan(1200, 2.5) == SamplingPlan("J", 80, 5, 6)
    assert sampling_plan(150, 1.0) == SamplingPlan("E", 13, 0, 1), "an arrow up"
    assert sampling_plan(280, 1.0) == SamplingPlan("H", 50, 1, 2), "an arrow down"
    assert sampling_plan(500_001, 6.5) == SamplingPlan("L", 200, 21, 22), "the last number stays"
    assert sampling_plan(5, 1.0) == SamplingPlan("E", 5, 0, 1), "a small lot is inspected whole"
    assert sampling_plan(500_001, 0.65, "III") == SamplingPlan("R", 2000, 21, 22)
    assert sampling_plan(500_001, 0.025) == SamplingPlan("R", 2000, 1, 2), "an arrow down to the last letter"
    assert sampling_plan(500_001, 0.015, "III") == SamplingPlan("P", 800, 0, 1), "nothing below: an arrow up"
    for size, aql, level in ((0, 1.0, "II"), (10, 1.1, "II"), (10, 1.0, "S-1")):
        with pytest.raises(CatalogUseError):
            sampling_plan(size, aql, level)


def test_drawing_is_repeatable_and_fair() -> None:
    assert draw(1000, 50, seed=7) == draw(1000, 50, seed=7) != draw(1000, 50, seed=8)
    assert draw(5, 5, seed=1) == [0, 1, 2, 3, 4]
    hits = [0] * 20
    for seed in range(400):
        for place in draw(20, 5, seed):
            hits[place] += 1
    assert min(hits) > 60, "100 expected each"
    assert max(hits) < 140


def test_a_lot_is_judged_by_its_sample(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lots, "_PAGE", 7)
    archive = Archive(catalog)
    archive.run([photo(f"{number:03}.tif") for number in range(40)], done)
    lot = catalog.draw_lot(EVERYTHING, aql=2.5, created_by="ada", seed=3)
    again = catalog.draw_lot(EVERYTHING, aql=2.5, created_by="ada", seed=3)
    assert (lot.lot_size, lot.code_letter, lot.sample_size) == (40, "C", 5)
    assert (lot.accept_number, lot.reject_number, lot.verdict) == (0, 1, Verdict.OPEN)
    sample = catalog.lot_sample(lot.lot_id)
    assert [row.item_id for row in sample] == [row.item_id for row in catalog.lot_sample(again.lot_id)]
    assert len({row.item_id for row in sample}) == 5
    for row in sample[:4]:
        catalog.decide(row.item_id, Decision.APPROVE, "", "ada", row.output_sha256, None)
    assert catalog.lot(lot.lot_id).verdict is Verdict.OPEN
    last = sample[4]
    review = catalog.decide(last.item_id, Decision.REJECT, "", "ada", last.output_sha256, None)
    judged = catalog.lot(lot.lot_id)
    assert (judged.verdict, judged.conforming, judged.nonconforming) == (Verdict.REJECTED, 4, 1)
    catalog.undo(review.review_id, "ada")
    seen = catalog.queue_row(last.item_id).last_review
    catalog.decide(last.item_id, Decision.APPROVE, "", "ada", last.output_sha256, seen)
    assert [one.verdict for one in catalog.lots()] == [Verdict.ACCEPTED] * 2
    seen = catalog.queue_row(last.item_id).last_review
    catalog.decide(last.item_id, Decision.REDO, "", "ada", last.output_sha256, seen)
    redone = catalog.lot(lot.lot_id)
    assert (redone.verdict, redone.conforming, redone.nonconforming) == (Verdict.REJECTED, 4, 1)
    assert [one.lot_id for one in catalog.lots()] == [again.lot_id, lot.lot_id]
    assert [one.lot_id for one in catalog.lots(limit=1)] == [again.lot_id]
    assert [one.lot_id for one in catalog.lots(before=again.lot_id)] == [lot.lot_id]
    with pytest.raises(CatalogUseError, match="no lot"):
        catalog.lot(99)
    with pytest.raises(CatalogUseError, match="empty lot"):
        catalog.draw_lot(QueueFilter(run=99), aql=1.0, created_by="ada")


@pytest.mark.parametrize(
    ("nonconforming", "undecided", "judged"),
    [
        (0, 3, Verdict.OPEN),
        (0, 2, Verdict.ACCEPTED),
        (2, 0, Verdict.ACCEPTED),
        (2, 1, Verdict.OPEN),
        (3, 9, Verdict.REJECTED),
    ],
)
def test_a_sample_is_judged_as_soon_as_it_can_be(nonconforming: int, undecided: int, judged: Verdict) -> None:
    assert lots.verdict(2, nonconforming, undecided) is judged


def _tampered(catalog: Catalog, statement: str) -> int | None:
    """Change the chain as somebody with all rights on the database could."""
    triggers = {
        "sqlite": ["DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete"],
        "postgresql": ["DROP TRIGGER audit_only_grows ON audit"],
    }[catalog.engine.dialect.name]
    with catalog.engine.begin() as connection:
        for text in (*triggers, statement):
            connection.execute(sa.text(text))
    return catalog.verify_audit().broken


def _chained(catalog: Catalog) -> None:
    for name in ("ada", "ben", "cleo", "dee"):
        catalog.add_account(name, Role.REVIEWER)
    report = catalog.verify_audit()
    assert (report.entries, report.broken) == (4, None)
    assert report.head == catalog.audit_entries(limit=1)[0]["sha256"]


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE audit SET document = replace(document, 'ben', 'eve') WHERE id = 2", 2),
        ("UPDATE audit SET actor = 'eve' WHERE id = 3", 3),
        ("DELETE FROM audit WHERE id = 2", 3),
        ("DELETE FROM audit WHERE id = 1", 2),
        ("DELETE FROM audit WHERE id = 4", None),
    ],
)
def test_the_chain_shows_where_it_was_broken(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, statement: str, broken: int | None
) -> None:
    monkeypatch.setattr(audit, "_PAGE", 2)
    _chained(catalog)
    assert _tampered(catalog, statement) == broken


def _reviewed(catalog: Catalog) -> None:
    """Three photos: approved, rejected, and one whose approval was taken back."""
    Archive(catalog).run([photo(f"{number}.tif") for number in range(3)], done)
    rows = sorted(catalog.review_queue(EVERYTHING).rows, key=lambda row: row.item_id)
    decisions = (Decision.APPROVE, Decision.REJECT, Decision.APPROVE)
    made = [
        catalog.decide(row.item_id, decision, "seen", "ada", row.output_sha256, None)
        for row, decision in zip(rows, decisions, strict=True)
    ]
    catalog.undo(made[2].review_id, "ben")
    assert [one.review_id for one in made] == [1, 2, 3]


@pytest.mark.parametrize(
    ("statement", "broken", "problem"),
    [
        ("UPDATE review SET decision = 'approve' WHERE id = 2", 2, "review 2.* changed"),
        ("UPDATE review SET reviewer = 'eve' WHERE id = 1", 1, "review 1.* changed"),
        ("UPDATE review SET reason = 'no' WHERE id = 3", 3, "review 3.* changed"),
        ("UPDATE review SET work_item_id = 1 WHERE id = 2", 2, "review 2.* changed"),
        (
            "UPDATE queue_entry SET review_id = NULL; DELETE FROM review WHERE id = 4",
            4,
            "review 4.* not there",
        ),
        (
            "INSERT INTO review (id, work_item_id, decision, reason, reviewer, at, output_sha256) SELECT "
            "9, 2, 'approve', 'seen', 'ada', at, output_sha256 FROM review WHERE id = 2",
            None,
            "does not tell of 1 of the reviews",
        ),
    ],
)
def test_reviews_that_the_chain_contradicts(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, statement: str, broken: int | None, problem: str
) -> None:
    monkeypatch.setattr(audit, "_PAGE", 2)
    _reviewed(catalog)
    assert catalog.verify_audit().problem is None
    triggers = {
        "sqlite": ["DROP TRIGGER review_no_update", "DROP TRIGGER review_no_delete"],
        "postgresql": ["DROP TRIGGER review_only_grows ON review"],
    }[catalog.engine.dialect.name]
    with catalog.engine.begin() as connection:
        for text in (*triggers, *statement.split("; ")):
            connection.execute(sa.text(text))
    report = catalog.verify_audit()
    assert report.broken == broken
    assert re.search(problem, report.problem or "")


def test_an_empty_chain_is_sound(catalog: Catalog) -> None:
    report = catalog.verify_audit()
    assert (report.entries, report.head, report.broken) == (0, "0" * 64, None)
