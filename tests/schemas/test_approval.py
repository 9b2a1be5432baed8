"""What stands between a result and its publication: an approval of the very output that is there now."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.exports.approval import approval_of, master_of, objection

OUTPUT = {"kind": "restored", "sha256": "out"}


def review(number: int, output: str = "out", undoes: int | None = None) -> dict[str, Any]:
    return {"review": number, "output_sha256": output, "undoes": undoes}


def photo(**more: Any) -> dict[str, Any]:
    """A restored photo that was approved."""
    told: dict[str, Any] = {"sha256": "master", "outcome": "done", "decision": "approve"}
    told |= {"derivatives": [{"kind": "mask", "sha256": "mask"}, OUTPUT], "reviews": [review(1)]}
    return {**told, "work_items": [], **more}


def test_an_approved_result_may_be_published() -> None:
    assert objection(photo()) is None
    assert approval_of(photo()) == review(1)
    skipped = photo(outcome="skipped", derivatives=[], reviews=[review(1, "master")])
    assert objection(skipped) is None, "what needed nothing is approved by its master's digest"
    again = photo(reviews=[review(1), review(2, undoes=1), review(3)])
    assert approval_of(again) == review(3)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"outcome": None}, "it was never restored"),
        ({"outcome": "pending"}, "it is pending"),
        ({"outcome": "failed"}, "it is failed"),
        ({"decision": "undecided"}, "nobody has decided on it"),
        (
            {"decision": "undecided", "work_items": [{"decision": "reject"}, {"decision": "approve"}]},
            "an earlier result was approved, and nobody has decided on the present one",
        ),
        ({"decision": "reject"}, "its decision is reject"),
        ({"decision": "redo"}, "its decision is redo"),
        ({"reviews": [review(1, "before")]}, "what was approved is not its present output"),
        ({"reviews": [review(1), review(2, "before")]}, "what was approved is not its present output"),
        ({"reviews": [review(1), review(2, undoes=1)]}, "what was approved is not its present output"),
        ({"derivatives": []}, "what was approved is not its present output"),
    ],
)
def test_anything_else_may_not(more: dict[str, Any], reason: str) -> None:
    assert objection(photo(**more)) == reason
    if more.get("outcome", "done") == "done":
        assert approval_of(photo(**more)) is None


def test_the_master_is_the_one_that_the_result_is_of_where_it_was_seen_last() -> None:
    places = [
        {"sha256": "newer", "uri": "/a"},
        {"sha256": "master", "uri": "/b"},
        {"sha256": "master", "uri": "/c"},
    ]
    assert master_of(photo(locations=places)) == places[1]
    assert master_of(photo(locations=places[:1])) is None
    assert master_of(photo(locations=[{"sha256": None, "uri": "/a"}], sha256=None)) is None
