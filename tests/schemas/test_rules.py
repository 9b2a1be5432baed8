"""Thresholds change without restoring anything again: flags follow, decisions stay, counts stay true."""

from __future__ import annotations

import pytest

from schemas import rules
from schemas.errors import CatalogUseError
from schemas.records import OutcomeRecord, PendingItem
from schemas.repository import Catalog
from schemas.review_records import Decision
from schemas.rules import FlagRuleRecord
from tests.schemas.archive import Archive, done, flag, photo


def rule(threshold: float, code: str = "mask-share", measurement: str = "mask_share") -> FlagRuleRecord:
    return FlagRuleRecord(code, measurement, threshold, "warning", "Much is masked.", 2)


def _measured(item: PendingItem) -> OutcomeRecord:
    """Photo n has a mask share of n/10; from 2/10 on it was flagged when it was made. Number 9 is sound."""
    number = int(item.key[:1])
    if number == 9:
        return OutcomeRecord(item.work_item_id, "skipped", measurements={"mask_share": 0.9})
    flags = (flag("mask-share", number / 10),) if number >= 2 else ()
    flags += (flag("decode-warnings", 1.0, "notice"),) if number == 0 else ()
    return done(item, flags=flags, measurements={"mask_share": number / 10, "oddness": float(number)})


@pytest.fixture
def archive(catalog: Catalog) -> Archive:
    archive = Archive(catalog)
    archive.run([photo(f"{number}.tif") for number in range(10)], _measured)
    return archive


def _flagged(catalog: Catalog, code: str = "mask-share") -> list[str]:
    return sorted(row["key"][:1] for row in catalog.flagged(flag=code))


def test_reflagging_raises_and_takes_back(archive: Archive) -> None:
    catalog = archive.catalog
    (count,) = catalog.reflag([rule(0.6)], by="ada")
    assert count.photos == 3
    assert _flagged(catalog) == ["6", "7", "8"]
    assert catalog.reflag([rule(0.1)])[0].photos == 8
    assert _flagged(catalog) == list("12345678")
    assert _flagged(catalog, "decode-warnings") == ["0"], "other flags are left alone"
    told = catalog.flagged(flag="mask-share")[0]["flags"][0]
    assert (told["threshold"], told["rule_version"], told["explanation"]) == (0.1, 2, "Much is masked.")
    row = next(row for row in catalog.stats("flag") if row["flag"] == "mask-share")
    assert (row["open"], row["lowest"], row["highest"]) == (8, 0.1, 0.8)
    assert catalog.audit_entries()[-1]["action"] == "flag rule set"


def test_a_rule_that_was_set_holds_for_photos_to_come(archive: Archive) -> None:
    catalog = archive.catalog
    catalog.reflag([rule(0.85), rule(5, "oddity", "oddness")])
    archive.run([photo("8b.tif"), photo("3b.tif"), photo("9b.tif")], _measured)
    assert _flagged(catalog) == [], "nor one that needed nothing, though its mask share is 0.9"
    assert _flagged(catalog, "oddity") == ["5", "6", "7", "8", "8"], (
        "measurements without column of their own too"
    )


def test_withdrawn_rules_leave_photos_to_come_with_the_flags_that_they_bring(archive: Archive) -> None:
    catalog = archive.catalog
    catalog.reflag([rule(0.85)])
    catalog.withdraw_flag_rules(by="ada")
    assert catalog.flag_rules() == []
    archive.run([photo("7b.tif")], _measured)
    assert _flagged(catalog) == ["7"]
    last = catalog.audit_entries()[0]
    assert (last["action"], last["subject"], last["actor"]) == ("flag rule withdrawn", "mask-share", "ada")
    catalog.withdraw_flag_rules()
    assert catalog.audit_entries()[0] == last, "what is not there is not withdrawn"
    assert catalog.verify_audit().broken is None


def test_decisions_stay(archive: Archive) -> None:
    catalog = archive.catalog
    row = next(row for row in catalog.review_queue().rows if row.key == "8.tif")
    catalog.decide(row.item_id, Decision.APPROVE, "", "ada", row.output_sha256, None)
    catalog.reflag([rule(0.7)])
    assert _flagged(catalog) == ["7"]
    assert [one["state"] for one in catalog.show("8.tif")[0]["flags"]] == ["closed"]


def test_calibrating_changes_nothing(archive: Archive) -> None:
    catalog = archive.catalog
    before = catalog.flagged()
    photos, counts = catalog.calibrate([rule(0.1), rule(0.5), rule(2.0), rule(4, "oddity", "oddness")])
    assert photos == 9
    assert [count.photos for count in counts] == [8, 4, 0, 5]
    assert catalog.calibrate([rule(0.1)], run_id=999)[1][0].photos == 0
    assert catalog.calibrate([rule(0.1)], collection=archive.name)[1][0].photos == 8
    assert catalog.flagged() == before
    assert catalog.flag_rules() == []


def test_two_rules_for_one_flag_are_refused(archive: Archive) -> None:
    """Both would raise it on the same photo, and only the later would be in force."""
    catalog = archive.catalog
    before = catalog.flagged()
    with pytest.raises(CatalogUseError, match="several rules for mask-share"):
        catalog.reflag([rule(0.1), rule(0.5), rule(1, "oddity", "oddness")])
    with pytest.raises(CatalogUseError, match="several rules for mask-share"):
        rules.reflag(catalog.engine, [rule(0.1), rule(0.5)])
    assert (catalog.flagged(), catalog.flag_rules()) == (before, [])


def test_senseless_rules_are_refused(catalog: Catalog) -> None:
    with pytest.raises(CatalogUseError, match="finite"):
        rule(float("nan"))
    with pytest.raises(CatalogUseError, match="not a severity"):
        catalog.reflag([FlagRuleRecord("x", "y", 1.0, "grave", "")])
    assert catalog.reflag([rule(0.1)])[0].photos == 0, "an empty catalog"
