from __future__ import annotations

import pytest

from flows.artifacts import summary_markdown
from flows.remarks import NAMED, RemarkKind, Remarks
from flows.summary import OUTCOMES, RunSummary, in_words, summarise

COUNTS = {
    "inputs": 10,
    "already_done": 3,
    "done": 2,
    "skipped": 1,
    "quarantined": 1,
    "failed": 1,
    "pending": 2,
}


def test_every_input_is_accounted_for_once() -> None:
    summary = summarise(7, "ab", COUNTS, 1.23456)
    accounted = summary["already_done"] + sum(summary[name] for name in OUTCOMES)  # type: ignore[literal-required]
    assert summary["inputs"] == accounted == COUNTS["inputs"]


def test_the_fields_are_those_that_others_rely_on() -> None:
    summary = summarise(7, "ab", COUNTS, 1.0)
    assert summary.keys() == RunSummary.__annotations__.keys()
    assert list(summary) == [
        "run",
        "recipe",
        "inputs",
        "already_done",
        "done",
        "skipped",
        "quarantined",
        "failed",
        "pending",
        "seconds",
        "left_out",
        "missing",
        "contradicted",
        "remarks",
    ]


def test_what_is_no_input_is_counted_beside_them() -> None:
    remarks = Remarks()
    remarks.extend(RemarkKind.MISSING, 1000, [(f"{number}.tif", "gone") for number in range(1000)])
    remarks.add(RemarkKind.LEFT_OUT, "pipe", "no file")
    summary = summarise(7, "ab", COUNTS, 1.0, remarks)
    assert (summary["missing"], summary["left_out"], summary["contradicted"]) == (1000, 1, 0)
    assert len(summary["remarks"]) == NAMED + 1
    assert summary["remarks"][0] == {"kind": "missing", "path": "0.tif", "reason": "gone"}
    assert remarks.lines()[-1] == f"Missing: {1000 - NAMED} more."
    assert remarks.incomplete


def test_prefects_page_tells_of_them() -> None:
    remarks = Remarks()
    remarks.add(RemarkKind.MISSING, "lost.tif", "It is gone.")
    page = summary_markdown(summarise(7, "ab", COUNTS, 1.0, remarks), "scans", None, remarks.lines())
    assert "| missing | 1 |" in page
    assert "> Missing: lost.tif: It is gone." in page
    assert "left_out" not in page


def test_a_files_name_is_only_ever_text() -> None:
    remarks = Remarks()
    remarks.add(RemarkKind.LEFT_OUT, "a\x1b[2J\n<img src=x>[b](javascript:1)\udcff.tif", "It is a pipe.")
    (told,) = remarks.lines()
    assert told.isprintable()
    page = summary_markdown(summarise(7, "ab", COUNTS, 1.0, remarks), "scans", None, [told])
    assert r"\<img src=x\>\[b\](javascript:1)" in page


def test_results_inside_the_source_are_no_loss() -> None:
    remarks = Remarks()
    remarks.add(RemarkKind.RESULTS, "results/", "made by a run")
    assert not remarks.incomplete


def test_a_lost_photo_is_an_error_and_not_a_summary() -> None:
    with pytest.raises(ValueError, match="every photo"):
        summarise(7, "ab", {**COUNTS, "done": 1}, 1.0)


def test_in_words_a_summary_tells_what_happened_only() -> None:
    counts = dict.fromkeys(COUNTS, 0)
    told = summarise(7, "ab", {**counts, "inputs": 43, "already_done": 3, "done": 38, "failed": 2}, 1.0)
    assert in_words(told) == "3 already done, 38 done, 2 failed"
    assert in_words(summarise(7, "ab", counts, 1.0)) == "no photographs"
