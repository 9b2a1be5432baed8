"""Laws of outcomes: a batch is recorded whole or not at all, each work item once, nothing of it is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from schemas.errors import CatalogUseError
from schemas.outcomes import measurement_row
from schemas.records import (
    HOT_MEASUREMENTS,
    EventRecord,
    EventType,
    FaceRecord,
    MaskRecord,
    OutcomeRecord,
    PendingItem,
)
from schemas.repository import Catalog
from schemas.tables import Measurement
from tests.schemas.archive import Archive, digest, done, failed, flag, full, photo, table_sizes

SOURCE = [photo("a.tif"), photo("b.tif")]


def _handed(archive: Archive) -> tuple[int, list[PendingItem]]:
    run, _ = archive.start(SOURCE)
    return run, [item for page in archive.catalog.iter_pending(run) for item in page]


def test_everything_recorded_is_shown(catalog: Catalog) -> None:
    run, items = _handed(Archive(catalog))
    assert catalog.record_outcomes(run, [full(item) for item in items]) == 2
    (row,) = catalog.show("a.tif")
    assert (row["key"], row["sha256"], row["outcome"], row["reason"]) == (
        "a.tif",
        digest("a.tif"),
        "done",
        None,
    )
    assert row["restored"] == "file:///out/restored/a.tif"
    assert row["mask"] == "file:///out/masks/x.png"
    assert (row["mask_coverage"], row["mask_components"]) == (0.25, 7)
    said = {
        "severity": "warning",
        "threshold": 0.2,
        "rule_version": 1,
        "explanation": "more than usual is masked",
        "state": "open",
    }
    assert row["flags"] == [
        {"code": "mask-share", "value": 0.25, **said},
        {"code": "colour-drift", "value": 3.0, **said},
    ]
    assert row["faces"] == [
        {
            "box": [1.0, 2.0, 30.0, 40.0],
            "landmarks": [[3.0, 4.0], [5.0, 6.0]],
            "score": 0.9,
            "drift": 0.01,
            "applied": True,
        }
    ]
    assert row["measurements"] == {"mask_share": 0.25, "colour_drift": 3.0, "sharpness": 0.5}
    (file,) = row["derivatives"]
    assert (file["kind"], file["tier"], file["media_type"]) == ("restored", "enhanced", "image/tiff")
    assert file["size"] == 9
    change = row["events"][-1]
    assert (change["type"], change["work_item"], change["run"]) == ("modification", row["work_item"], run)
    assert change["detail"] == {"derivatives": [{"uri": file["uri"], "sha256": file["sha256"]}]}


def test_a_batch_given_twice_counts_once(catalog: Catalog) -> None:
    run, items = _handed(Archive(catalog))
    batch = [full(item) for item in items]
    assert catalog.record_outcomes(run, batch) == 2
    before = table_sizes(catalog)
    assert catalog.record_outcomes(run, batch) == 0
    assert catalog.record_outcomes(run, [failed(item) for item in items]) == 0, "what has ended has ended"
    assert table_sizes(catalog) == before
    assert catalog.counts(run)["done"] == 2


def test_of_two_outcomes_in_a_batch_the_first_counts(catalog: Catalog) -> None:
    run, items = _handed(Archive(catalog))
    assert catalog.record_outcomes(run, [done(items[0]), failed(items[0])]) == 1
    assert catalog.show(items[0].key)[0]["outcome"] == "done"


def test_a_batch_is_recorded_whole_or_not_at_all(catalog: Catalog) -> None:
    run, items = _handed(Archive(catalog))
    before = table_sizes(catalog)
    unknown = OutcomeRecord(987654, "done")
    with pytest.raises(CatalogUseError, match="987654"):
        catalog.record_outcomes(run, [full(items[0]), unknown])
    naive = EventRecord(EventType.CREATION, datetime(2024, 5, 31))
    with pytest.raises(Exception, match="without time zone"):
        catalog.record_outcomes(run, [full(items[0]), done(items[1], events=(naive,))])
    assert table_sizes(catalog) == before
    assert catalog.counts(run)["pending"] == 2


def test_an_ended_run_takes_no_outcomes(catalog: Catalog) -> None:
    run, items = _handed(Archive(catalog))
    counts = catalog.finish_run(run, seconds=1)
    assert counts["pending"] == 2
    assert catalog.record_outcomes(run, [done(item) for item in items]) == 0
    assert catalog.counts(run) == counts


def test_an_empty_batch(catalog: Catalog) -> None:
    run, _ = _handed(Archive(catalog))
    assert catalog.record_outcomes(run, []) == 0


def test_a_retry_replaces_what_the_failure_found(catalog: Catalog) -> None:
    archive = Archive(catalog)
    run, items = _handed(archive)
    catalog.record_outcomes(run, [replace(full(item), outcome="failed") for item in items])
    catalog.finish_run(run, seconds=1)
    run, items = _handed(archive)
    second = [done(item, flags=(flag("latent-distance", 9.0),)) for item in items]
    assert catalog.record_outcomes(run, second) == 2
    (row,) = catalog.show("a.tif")
    assert [one["code"] for one in row["flags"]] == ["latent-distance"]
    assert (row["faces"], row["measurements"], row["mask"]) == ([], {}, None)
    assert len(row["derivatives"]) == 1, "the same file, recorded once"


@pytest.mark.parametrize(
    ("how", "event", "ended"),
    [
        ("done", "modification", "success"),
        ("skipped", "validation", "success"),
        ("quarantined", "quarantine", "success"),
        ("failed", "modification", "fail"),
    ],
)
def test_an_outcome_implies_its_event(catalog: Catalog, how: str, event: str, ended: str) -> None:
    run, items = _handed(Archive(catalog))
    outcome = OutcomeRecord(items[0].work_item_id, how, reason="because", error_class="Some")
    catalog.record_outcomes(run, [outcome])
    told = catalog.show(items[0].key)[0]["events"][-1]
    assert (told["type"], told["outcome"]) == (event, ended)
    assert told["detail"] == {"reason": "because", "error_class": "Some"}


def test_given_events_stand_for_themselves(catalog: Catalog) -> None:
    run, items = _handed(Archive(catalog))
    at = datetime(2001, 2, 3, tzinfo=UTC)
    events = (
        EventRecord(EventType.FIXITY_CHECK, at, agent="oldphoto 1"),
        EventRecord(EventType.CREATION, at, agent="oldphoto 2"),
    )
    catalog.record_outcomes(run, [done(items[0], events=events)])
    told = catalog.show(items[0].key)[0]["events"][-2:]
    assert [(one["type"], one["agent"], one["at"]) for one in told] == [
        ("fixity check", "oldphoto 1", at),
        ("creation", "oldphoto 2", at),
    ]


def test_numbers_as_the_networks_give_them(catalog: Catalog) -> None:
    run, items = _handed(Archive(catalog))
    three: Any = np.int64(3)
    half: Any = np.float32(0.5)
    outcome = done(
        items[0],
        seconds=np.float64(1.5),
        mask=MaskRecord(half, three),
        faces=(FaceRecord((half, half, half, half), ((half, half),), half, float("nan")),),
        flags=(flag("latent-distance", float("inf")),),
        measurements={"mask_share": half, "mean_change": float("nan"), "other": np.float32(2)},
    )
    catalog.record_outcomes(run, [outcome])
    (row,) = catalog.show(items[0].key)
    assert row["flags"][0]["value"] is None, "no number that JSON has"
    assert (row["faces"][0]["landmarks"], row["faces"][0]["drift"]) == ([[0.5, 0.5]], None)
    assert row["measurements"] == {"mask_share": 0.5, "other": 2.0}


def test_words_that_no_database_holds(catalog: Catalog) -> None:
    run, items = _handed(Archive(catalog))
    reason = "decoder said \x00 and \udce9"
    catalog.record_outcomes(run, [OutcomeRecord(items[0].work_item_id, "failed", reason=reason)])
    assert catalog.show(items[0].key)[0]["reason"] == "decoder said \ufffd and \ufffd"


def test_the_hot_measurements_are_the_tables_columns() -> None:
    columns = set(Measurement.__table__.columns.keys()) - {"work_item_id", "extra"}
    assert columns == set(HOT_MEASUREMENTS)
    assert set(measurement_row({})) == {*HOT_MEASUREMENTS, "extra"}


def test_an_outcome_is_one_of_four() -> None:
    for state in ("pending", "running", "lost"):
        with pytest.raises(ValueError, match="not an outcome"):
            OutcomeRecord(1, state)
