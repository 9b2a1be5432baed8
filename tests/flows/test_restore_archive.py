"""The flow itself, with real networks, in this process: the laws that every run keeps."""

from __future__ import annotations

import socket
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from actors.errors import EngineError
from flows.progress import Progress, listening
from flows.request import RestoreRequest
from flows.restore_archive import may_pass, restore_archive
from flows.summary import OUTCOMES, RunSummary
from oldphoto_core.errors import StorageError, UsageError, WeightsError
from schemas.errors import CatalogUnavailableError, CatalogUseError
from schemas.repository import Catalog
from tests.actors.photos import save, worn
from tests.flows.ears import Ears
from tests.flows.material import aged_photo, fingerprints, write_broken, write_photos, write_weights

pytestmark = pytest.mark.usefixtures("prefect_server")


def run(request: RestoreRequest) -> RunSummary:
    summary: RunSummary = restore_archive(**asdict(request))
    assert summary["inputs"] == summary["already_done"] + sum(summary[name] for name in OUTCOMES)
    return summary


def test_an_archive_is_restored_once_and_its_masters_stay_as_they_are(
    request_: RestoreRequest, scans: Path, archive: Path
) -> None:
    write_photos(scans, 4)
    broken = write_broken(scans)
    masters = fingerprints(scans)
    ears = Ears()
    with listening(ears):
        first = run(request_)
    assert (first["inputs"], first["done"], first["quarantined"]) == (6, 4, 2)
    assert sorted(path.name for path in (archive / "restored").rglob("*.png")) == [
        f"photo-00{number}.png" for number in range(4)
    ]
    made = fingerprints(archive)
    report = (archive / "report.html").read_text(encoding="utf-8")
    assert all(path.name in report for path in broken)
    assert report.count("<figure ") == 2 * 4
    assert ears.heard[-1] == Progress("restore", 5, 5, ears.heard[-1].note)
    assert ears.details[0].report == str(archive / "report.html")

    second = run(request_)
    assert (second["inputs"], second["already_done"], second["run"]) == (6, 6, 2)
    derivatives = {key: found for key, found in made.items() if not key.startswith("catalog.db")}
    assert {key: found for key, found in fingerprints(archive).items() if key in derivatives} == derivatives

    write_photos(scans, 5)
    third = run(request_)
    assert (third["inputs"], third["already_done"], third["done"]) == (7, 6, 1)
    assert {
        key: found for key, found in fingerprints(scans).items() if key in masters
    }.keys() == masters.keys()


def test_a_changed_master_is_restored_beside_the_earlier_result(
    request_: RestoreRequest, scans: Path, archive: Path
) -> None:
    (path,) = write_photos(scans, 1)
    run(request_)
    earlier = fingerprints(archive / "restored")
    import cv2

    cv2.imwrite(str(path), aged_photo(77))
    summary = run(request_)
    assert summary["done"] == 1
    assert fingerprints(archive / "restored") == earlier
    assert len(list((archive / "recipes").rglob("restored/*.png"))) == 1


def test_another_recipe_never_overwrites(
    request_: RestoreRequest, scans: Path, archive: Path, tmp_path: Path
) -> None:
    write_photos(scans, 2)
    run(request_)
    earlier = fingerprints(archive / "restored")
    other = write_weights(tmp_path / "other", brighter=0.12)
    summary = run(replace(request_, weights=str(other)))
    assert (summary["done"], summary["already_done"]) == (2, 0)
    assert fingerprints(archive / "restored") == earlier
    assert len(list((archive / "recipes").rglob("restored/**/*.png"))) == 2


def test_a_destination_inside_the_source_is_never_ingested(request_: RestoreRequest, scans: Path) -> None:
    write_photos(scans, 2)
    inside = replace(request_, destination=str(scans / "results"))
    assert run(inside)["inputs"] == 2
    assert run(inside)["already_done"] == 2


def test_conservation_makes_the_conserved_tier_only(
    request_: RestoreRequest, scans: Path, archive: Path
) -> None:
    """With the shipped weights, which find the scratches."""
    save(scans / "a.png", worn())
    run(replace(request_, weights=None, profile="conservation", keep_tiers=True))
    with Catalog.open(request_.catalog_url()) as catalog:
        (row,) = catalog.flagged(outcome="done")
    assert row["tier"] == "conserved"
    assert not (archive / "tiers").exists()


@pytest.mark.parametrize("asked", [{"profile": "conservation"}, {"tier": "conserved"}])
def test_without_damage_a_photo_is_not_recorded_as_changed_by_the_conserved_tier(
    request_: RestoreRequest, scans: Path, archive: Path, asked: dict[str, str]
) -> None:
    """Though these weights would change it as a whole: the file would be the scan's pixels again."""
    write_photos(scans, 1)
    summary = run(replace(request_, **asked))  # type: ignore[arg-type]
    assert (summary["done"], summary["skipped"]) == (0, 1)
    assert not (archive / "restored").exists()
    with Catalog.open(request_.catalog_url()) as catalog:
        (item,) = catalog.show("photo-000.png")[0]["work_items"]
        history = catalog.history(item["work_item"])
    assert "modification" not in {event["type"] for event in history["events"]}
    assert (item["flags"], item["measurements"]["mean_change"]) == ([], 0)


def test_lower_tiers_are_kept_on_request(request_: RestoreRequest, scans: Path, archive: Path) -> None:
    write_photos(scans, 1)
    run(replace(request_, keep_tiers=True))
    assert [path.name for path in (archive / "tiers").iterdir()] == ["conserved"]


def test_a_limit_leaves_the_rest_alone(request_: RestoreRequest, scans: Path, archive: Path) -> None:
    write_photos(scans, 3)
    summary = run(replace(request_, limit=1))
    assert summary["done"] == 1
    assert len(list((archive / "restored").rglob("*.png"))) == 1


def test_without_weights_nothing_begins(request_: RestoreRequest, scans: Path, tmp_path: Path) -> None:
    write_photos(scans, 1)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(WeightsError, match="oldphoto train"):
        run(replace(request_, weights=str(empty)))
    assert not Path(request_.destination).exists()


def test_a_tier_that_the_weights_cannot_make_is_lowered_and_told(
    request_: RestoreRequest, scans: Path
) -> None:
    write_photos(scans, 1)
    ears = Ears()
    with listening(ears):
        run(replace(request_, tier="enhanced"))
    assert ears.details[0].tier == "restored"
    assert [stage for stage, _ in ears.details[0].stages_off] == ["fading", "tone", "faces"]


def test_prefect_shows_what_became_of_the_photos(request_: RestoreRequest, scans: Path) -> None:
    """A flow run that completed is not one that restored everything."""
    write_broken(scans)
    state = restore_archive(**asdict(request_), return_state=True)
    assert (state.name, state.message) == ("Completed", "2 quarantined")
    assert state.result()["quarantined"] == 2


def test_the_impossible_is_a_usage_error(request_: RestoreRequest) -> None:
    with pytest.raises(UsageError):
        run(replace(request_, profile="museum"))


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (StorageError("away"), 2),
        (CatalogUnavailableError("away"), 2),
        (CatalogUseError("wrong"), 1),
        (ValueError("a mistake of ours"), 1),
    ],
)
def test_a_task_is_tried_again_only_where_a_store_or_the_catalog_was_out_of_reach(
    error: Exception, tries: int
) -> None:
    tried: list[int] = []

    @task(cache_policy=NO_CACHE, retries=1, retry_condition_fn=may_pass)
    def ask() -> None:
        tried.append(1)
        raise error

    @flow(persist_result=False)
    def asking() -> None:
        ask()

    with pytest.raises(type(error)):
        asking()
    assert len(tried) == tries


def test_a_cluster_that_is_not_there_is_told_before_the_source_is_looked_at(
    request_: RestoreRequest, scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_photos(scans, 1)
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(EngineError, match="No Ray cluster answers"):
        run(replace(request_, executor="ray"))
    with Catalog.open(request_.catalog_url()) as catalog:
        assert (catalog.runs(), catalog.stats("collection")) == ([], [])


class _Replacing(Ears):
    """Replaces the weights as soon as the scans have been looked at: the run is planned by then."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        self.weights = weights

    def progress(self, progress: Progress) -> None:
        super().progress(progress)
        write_weights(self.weights, brighter=0.12)


def test_weights_that_were_replaced_since_the_plan_are_not_worked_with(
    request_: RestoreRequest, scans: Path, archive: Path, tmp_path: Path
) -> None:
    """What they make would stand in the catalog as made by the weights before."""
    write_photos(scans, 1)
    folder = write_weights(tmp_path / "own")
    request = replace(request_, weights=str(folder))
    with listening(_Replacing(folder)), pytest.raises(EngineError, match=r"weights .* for vae-clean"):
        run(request)
    assert not (archive / "restored").exists()
    assert run(request)["done"] == 1


def test_interrupted_while_an_outcome_is_recorded_it_leaves_nothing_unfinished(
    request_: RestoreRequest, scans: Path, archive: Path
) -> None:
    class Interrupting(Ears):
        def progress(self, progress: Progress) -> None:
            if progress.phase == "restore":
                # As a worker leaves it that is ended in the middle of a mask.
                worker = subprocess.Popen([sys.executable, "-c", ""])
                worker.wait()
                left = f".oldphoto-{socket.gethostname()}-{worker.pid}-0123456789abcdef.part"
                (archive / "masks" / left).write_bytes(b"half")
                raise KeyboardInterrupt

    write_photos(scans, 2)
    # Whoever catches it holds the frames that it passed, and with them all that nobody has closed.
    with listening(Interrupting()), pytest.raises(KeyboardInterrupt):
        run(request_)
    assert not list(archive.rglob("*.part"))
