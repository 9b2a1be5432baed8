from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from flows.progress import listening
from flows.recording import recorded_run
from flows.rehearsal import rehearse
from flows.request import RestoreRequest
from flows.workplace import ingest_of, open_workplace
from schemas.records import OutcomeRecord
from tests.flows.ears import Ears
from tests.flows.material import fingerprints, write_broken, write_photos


def plan_for_real(request: RestoreRequest) -> dict[str, int]:
    with open_workplace(request) as place, recorded_run(place, None) as run:
        ingest_of(request, place.source).run(place.catalog, run.collection_id, run.id)
        place.catalog.plan(run.collection_id, run.recipe_id, run.id, request.limit, retry=request.retry)
        return place.catalog.counts(run.id)


def test_a_dry_run_writes_nothing_anywhere(request_: RestoreRequest, scans: Path, tmp_path: Path) -> None:
    write_photos(scans, 3)
    before = fingerprints(tmp_path)
    summary = rehearse(request_)
    assert fingerprints(tmp_path) == before
    assert not Path(request_.destination).exists()
    assert (summary["inputs"], summary["pending"], summary["run"]) == (3, 3, None)


def test_a_dry_run_foretells_the_plan(request_: RestoreRequest, scans: Path) -> None:
    write_photos(scans, 3)
    write_broken(scans)
    for _ in range(2):
        foretold = rehearse(request_)
        planned = plan_for_real(request_)
        assert foretold["inputs"] == planned["inputs"]
        for name in ("already_done", "quarantined", "failed", "pending"):
            assert foretold[name] == planned[name]


def test_another_collections_work_is_not_taken_for_ones_own(request_: RestoreRequest, scans: Path) -> None:
    """The same photos by the same recipe in the same catalog, under another collection's name."""
    write_photos(scans, 2)
    with open_workplace(request_) as place, recorded_run(place, None) as run:
        ingest_of(request_, place.source).run(place.catalog, run.collection_id, run.id)
        place.catalog.plan(run.collection_id, run.recipe_id, run.id)
        for page in place.catalog.iter_pending(run.id):
            done = [OutcomeRecord(item.work_item_id, "skipped") for item in page]
            place.catalog.record_outcomes(run.id, done)
    other = replace(request_, collection="prints")
    plan_for_real(replace(other, tier="conserved"))
    assert rehearse(request_)["already_done"] == 2
    assert (rehearse(other)["already_done"], rehearse(other)["pending"]) == (0, 2)


def test_a_dry_run_keeps_to_the_limit(request_: RestoreRequest, scans: Path) -> None:
    write_photos(scans, 5)
    assert rehearse(replace(request_, limit=2))["inputs"] == 2


def test_a_dry_run_foretells_what_a_manifest_contradicts(
    request_: RestoreRequest, scans: Path, tmp_path: Path
) -> None:
    (path,) = write_photos(scans, 1)
    with open_workplace(request_) as place, recorded_run(place, None) as run:
        ingest_of(request_, place.source).run(place.catalog, run.collection_id, run.id)
        place.catalog.plan(run.collection_id, run.recipe_id, run.id)
        (item,) = next(place.catalog.iter_pending(run.id))
        place.catalog.record_outcomes(run.id, [OutcomeRecord(item.work_item_id, "skipped")])
    (tmp_path / "manifest").write_text(f"{'0' * 64}  {path.name}\n")
    foretold = rehearse(replace(request_, manifest=str(tmp_path / "manifest")))
    assert (foretold["already_done"], foretold["contradicted"]) == (1, 1)


def test_a_catalog_that_exists_is_only_read(request_: RestoreRequest, scans: Path, archive: Path) -> None:
    write_photos(scans, 2)
    plan_for_real(request_)
    before = fingerprints(archive)["catalog.db"]
    rehearse(request_)
    assert fingerprints(archive)["catalog.db"] == before


def test_an_empty_database_is_no_catalog_yet(request_: RestoreRequest, scans: Path, tmp_path: Path) -> None:
    write_photos(scans, 2)
    (tmp_path / "new.db").touch()
    assert rehearse(replace(request_, catalog=f"sqlite:///{tmp_path / 'new.db'}"))["pending"] == 2


def test_whoever_listens_hears_of_it(request_: RestoreRequest, scans: Path) -> None:
    write_photos(scans, 2)
    ears = Ears()
    with listening(ears):
        rehearse(request_)
    rehearse(request_)
    assert [progress.phase for progress in ears.heard] == ["ingest"]
    (details,) = ears.details
    assert details.dry_run
    assert details.report is None
    assert [stage for stage, _ in details.stages_off] == ["fading", "tone", "faces"]


def test_a_dry_run_foretells_what_is_tried_again(request_: RestoreRequest, scans: Path) -> None:
    write_photos(scans, 5)
    ends = [
        {"outcome": "failed", "error_class": "ValueError"},
        {"outcome": "failed", "error_class": "StorageError"},
        {"outcome": "quarantined", "error_class": "fixity"},
        {"outcome": "quarantined", "error_class": "worker-killed"},
        {"outcome": "done"},
    ]
    fates: dict[int, dict[str, str]] = {}
    for _ in range(3):
        with open_workplace(request_) as place, recorded_run(place, None) as run:
            ingest_of(request_, place.source).run(place.catalog, run.collection_id, run.id)
            place.catalog.plan(run.collection_id, run.recipe_id, run.id)
            for page in place.catalog.iter_pending(run.id):
                for item in page:
                    fate = fates.setdefault(item.work_item_id, ends[len(fates) % 5])
                    place.catalog.record_outcomes(run.id, [OutcomeRecord(item.work_item_id, **fate)])
    for retry in (False, True):
        request = replace(request_, retry=retry)
        foretold, planned = rehearse(request), plan_for_real(request)
        assert {name: foretold[name] for name in planned} == planned  # type: ignore[literal-required]
        assert (planned["pending"], planned["failed"]) == ((4, 0) if retry else (2, 1))
