from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from actors.rows import InputRow, OutcomeRow
from flows.recording import RECIPE_FILE_FORMAT, OutcomeRecorder, Run, claim, recorded_run
from flows.request import RestoreRequest
from flows.workplace import Workplace, ingest_of, open_workplace
from oldphoto_core.fixity import sha256_bytes
from oldphoto_core.photo import Outcome
from schemas.errors import CatalogUnavailableError
from schemas.records import FlagRecord, PendingItem
from schemas.repository import Catalog
from schemas.rules import FlagRuleRecord
from tests.flows.material import write_photos


@contextmanager
def planned(request: RestoreRequest) -> Iterator[tuple[Workplace, Run, list[InputRow]]]:
    with open_workplace(request) as place, recorded_run(place, None) as run:
        ingest_of(request, place.source).run(place.catalog, run.collection_id, run.id)
        place.catalog.plan(run.collection_id, run.recipe_id, run.id)
        (page,) = place.catalog.iter_pending(run.id, 100)
        yield place, run, [InputRow.from_pending(item) for item in page]


def outcome(row: InputRow, *flags: str) -> OutcomeRow:
    records = tuple(FlagRecord(code, "notice", 1.0, 0.5, 1, "Look.") for code in flags)
    return OutcomeRow(row.work_item_id, row.key, row.sha256, Outcome.DONE, flags=records)


def test_outcomes_wait_for_a_batch(request_: RestoreRequest) -> None:
    write_photos(Path(request_.source), 5)
    with planned(request_) as (place, run, rows):
        recorder = OutcomeRecorder(place.catalog, run.id, batch_rows=2, batch_seconds=3600)
        recorder.add([outcome(rows[0])])
        assert place.catalog.counts(run.id)["done"] == 0
        recorder.add([outcome(rows[1])])
        assert place.catalog.counts(run.id)["done"] == 2
        recorder.add([outcome(rows[2])])
        recorder.flush()
        assert place.catalog.counts(run.id)["done"] == 3
        assert recorder.outcomes == {"done": 3}


def test_the_workers_hear_how_large_a_photo_is(request_: RestoreRequest) -> None:
    """They are given time by that."""
    write_photos(Path(request_.source), 1, width=96, height=72)
    with planned(request_) as (_, _, (row,)):
        assert row.pixels == 96 * 72


def break_after_one_photo(request: RestoreRequest) -> None:
    with (
        planned(request) as (place, run, rows),
        OutcomeRecorder(place.catalog, run.id, batch_seconds=3600) as recorder,
    ):
        recorder.add([outcome(rows[0])])
        raise RuntimeError("the power is gone")


def test_what_was_done_stays_known_when_the_run_breaks(request_: RestoreRequest) -> None:
    write_photos(Path(request_.source), 3)
    with pytest.raises(RuntimeError, match="the power is gone"):
        break_after_one_photo(request_)
    with open_workplace(request_) as place:
        (told,) = place.catalog.runs()
    assert (told["state"], told["done"], told["pending"]) == ("failed", 1, 2)


@pytest.mark.parametrize(
    ("error", "state"), [(ValueError, "failed"), (KeyboardInterrupt, "crashed"), (SystemExit, "crashed")]
)
def test_how_a_run_ended_is_recorded(
    request_: RestoreRequest, error: type[BaseException], state: str
) -> None:
    write_photos(Path(request_.source), 1)
    with pytest.raises(error), planned(request_):
        raise error
    with open_workplace(request_) as place:
        assert [run["state"] for run in place.catalog.runs()] == [state]


def test_a_run_that_ends_well_is_completed(request_: RestoreRequest) -> None:
    write_photos(Path(request_.source), 1)
    with planned(request_):
        pass
    with open_workplace(request_) as place:
        (told,) = place.catalog.runs()
        recipe = place.decision.recipe
    assert told["state"] == "completed"
    assert told["seconds"] >= 0
    left = json.loads(Path(request_.destination, "recipes", f"{recipe.sha256}.json").read_bytes())
    assert (left["format"], left["sha256"]) == (RECIPE_FILE_FORMAT, recipe.sha256)
    assert sha256_bytes(left["document"].encode()) == recipe.sha256, "a lost catalog is made of it again"
    assert [model["name"] for model in left["models"]] == [model.name for model in place.models] != []


def test_flags_are_counted_by_code_and_by_photo(request_: RestoreRequest) -> None:
    write_photos(Path(request_.source), 2)
    with planned(request_) as (place, run, rows):
        with OutcomeRecorder(place.catalog, run.id) as recorder:
            recorder.add([outcome(rows[0], "mask-share", "colour-drift"), outcome(rows[1], "mask-share")])
        assert recorder.flags == {"mask-share": 2, "colour-drift": 1}
        assert recorder.flagged_photos == 2


def test_a_catalog_out_of_reach_for_a_moment_ends_no_run(request_: RestoreRequest) -> None:
    write_photos(Path(request_.source), 3)
    with open_workplace(request_) as place, recorded_run(place, None) as run:
        ingest_of(request_, place.source).run(place.catalog, run.collection_id, run.id)
        place.catalog.plan(run.collection_id, run.recipe_id, run.id)
        restarting = Restarting(place.catalog.engine)
        assert [len(claim(restarting, run.id, 2)) for _ in range(3)] == [2, 1, 0]
    assert restarting.asked == 6


class Restarting(Catalog):
    """A catalog whose server is restarted before each answer."""

    asked = 0

    def _claim(self, run_id: int, batch: int) -> list[PendingItem]:
        self.asked += 1
        if self.asked % 2:
            raise CatalogUnavailableError("the server is starting up")
        return super()._claim(run_id, batch)


def test_flags_are_counted_as_the_catalogs_own_rules_raise_them(request_: RestoreRequest) -> None:
    write_photos(Path(request_.source), 2)
    with planned(request_) as (place, run, rows):
        place.catalog.reflag([FlagRuleRecord("mask-share", "mask-share", 0.9, "notice", "Look.")])
        measured = [
            replace(outcome(row, "mask-share"), measurements={"mask-share": share})
            for row, share in zip(rows, (0.5, 0.95), strict=True)
        ]
        with OutcomeRecorder(place.catalog, run.id) as recorder:
            recorder.add(measured)
        assert (recorder.flagged_photos, recorder.flags) == (1, {"mask-share": 1})
