"""Laws of asking where the results lie that a run counts as already done: a few stand for all of an earlier run."""

from __future__ import annotations

from dataclasses import replace

from schemas.records import OutcomeRecord, PendingItem
from schemas.repository import Catalog
from tests.schemas.archive import Archive, failed, photo
from tests.schemas.test_relocation import files, rebuilt, result, take_back


def _verdict(item: PendingItem) -> OutcomeRecord:
    if item.key.startswith("s"):
        return OutcomeRecord(item.work_item_id, "skipped", reason="nothing to do")
    return failed(item) if item.key.startswith("f") else result(item)


def test_the_ends_of_each_earlier_run_stand_for_its_results(catalog: Catalog) -> None:
    archive = Archive(catalog)
    first = [photo(key) for key in ("a.tif", "b.tif", "c.tif", "f.tif", "s.tif")]
    archive.run(first, _verdict)
    archive.run([*first, photo("d.tif")], _verdict)
    run, plan = archive.start([*first, photo("d.tif"), photo("e.tif")])
    assert plan.already_done == 5
    items = {row["key"]: row["work_item"] for row in catalog.dossiers() if row["outcome"] == "done"}
    assert catalog.results_of_earlier_runs(run) == [items["a.tif"], items["c.tif"], items["d.tif"]]
    archive.work(run, _verdict)
    assert len(catalog.results_of_earlier_runs(run)) == 3, "its own are none of them"
    catalog.finish_run(run, seconds=1.0)
    narrow, _ = archive.start([photo("b.tif")])
    assert catalog.results_of_earlier_runs(narrow) == [items["b.tif"]], (
        "what it did not list is not asked about"
    )


def test_a_result_lies_where_its_last_file_does_by_now(catalog: Catalog) -> None:
    archive = Archive(catalog)

    def twice(item: PendingItem) -> OutcomeRecord:
        made = result(item)
        left = replace(made.derivatives[0], uri="/earlier/restored/a.x")
        return replace(made, derivatives=(left, *made.derivatives))

    archive.run([photo("a.tif")], twice)
    (row,) = catalog.dossiers()
    (place,) = catalog.result_places([row["work_item"]])
    assert (place.uri, place.destination) == (files("/old", "a")[-1].uri, None)
    take_back(archive, [rebuilt(archive, "a.tif", "/new")])
    (place,) = catalog.result_places([row["work_item"]])
    assert place.uri == files("/new", "a")[-1].uri
    assert catalog.result_places([]) == []
