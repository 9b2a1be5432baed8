"""Two runs over one archive: the older one loses its work to the younger, and says so."""

from __future__ import annotations

from pathlib import Path

from flows.progress import listening
from flows.recording import recorded_run
from flows.request import RestoreRequest
from flows.restore_archive import announce, ingest_source, plan_work, restore_photos
from flows.workplace import open_workplace
from tests.flows.ears import Ears
from tests.flows.material import write_photos


def test_a_run_whose_work_was_taken_over_names_the_other(request_: RestoreRequest, scans: Path) -> None:
    write_photos(scans, 2)
    ears = Ears()
    with open_workplace(request_) as place, listening(ears):
        with recorded_run(place, None) as older:
            ingested, plan = ingest_source.fn(place, older), plan_work.fn(place, older)
            with recorded_run(place, None) as younger:
                ingest_source.fn(place, younger)
                plan_work.fn(place, younger)
                outcomes = restore_photos.fn(place, older, plan)
        summary = announce(place, older, ingested, outcomes, None)
    assert (summary["pending"], summary["done"]) == (2, 0)
    assert [details.taken_over_by for details in ears.details] == [younger.id]
