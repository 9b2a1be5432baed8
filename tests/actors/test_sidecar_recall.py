"""What an interrupted run wrote is taken over once it is verified, and nothing is ever overwritten."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actors.inline import run_inline
from actors.job import RestoreJob
from actors.rows import InputRow, OutcomeRow
from actors.sidecar import read_sidecar
from oldphoto_core.errors import StorageError
from oldphoto_core.photo import DefectDetection, Outcome, Pixels
from storage import FolderStore
from tests.actors.median_restorer import MedianRestorer, median_restorer
from tests.actors.photos import clean, job_for, rows, save, scratched


class _IdleRestorer(MedianRestorer):
    def detect(self, pixels: Pixels) -> DefectDetection:
        raise AssertionError("this photo should not have been restored again")


def idle_restorer(job: RestoreJob) -> _IdleRestorer:
    return _IdleRestorer()


class _OtherRestorer(MedianRestorer):
    """Detects a little less, as another GPU might."""

    def detect(self, pixels: Pixels) -> DefectDetection:
        found = super().detect(pixels)
        return DefectDetection(found.probability * np.float32(0.5), found.mask)


def other_restorer(job: RestoreJob) -> _OtherRestorer:
    return _OtherRestorer()


@pytest.fixture
def items(tmp_path: Path) -> list[InputRow]:
    save(tmp_path / "scans/a.png", scratched())
    save(tmp_path / "scans/b.png", clean())
    return rows(tmp_path / "scans", ["a.png", "b.png"])


@pytest.fixture
def job(tmp_path: Path) -> RestoreJob:
    return job_for(tmp_path / "scans", tmp_path / "out")


def facts(row: OutcomeRow) -> OutcomeRow:
    """What a sidecar can give back: all but the time taken and the events."""
    return replace(row, seconds=0.0, events=())


def test_finished_work_is_taken_over_with_all_its_facts(items: list[InputRow], job: RestoreJob) -> None:
    first = list(run_inline(items, job, median_restorer))
    again = list(run_inline(items, job, idle_restorer))
    assert [facts(row) for row in again] == [facts(row) for row in first]
    assert [str(row.events[0].type) for row in again] == ["validation", "validation"]


def test_it_is_taken_over_even_when_the_master_is_offline(
    items: list[InputRow], job: RestoreJob, tmp_path: Path
) -> None:
    list(run_inline(items, job, median_restorer))
    (tmp_path / "scans/a.png").unlink()
    assert next(iter(run_inline(items, job, idle_restorer))).outcome is Outcome.DONE


def test_another_collections_work_is_not_taken_over(items: list[InputRow], job: RestoreJob) -> None:
    list(run_inline(items[:1], job, median_restorer))
    (again,) = run_inline(items[:1], replace(job, collection="another"), median_restorer)
    assert "validation" not in [str(event.type) for event in again.events]
    assert "name-conflict" not in [flag.code for flag in again.flags], (
        "its pictures are the same, only not its name"
    )


@pytest.mark.parametrize("lost", ["restored/a.png", "masks/a.png", "sidecars/a.json"])
def test_a_missing_file_is_made_again(
    items: list[InputRow], job: RestoreJob, tmp_path: Path, lost: str
) -> None:
    first = next(iter(run_inline(items, job, median_restorer)))
    data = (tmp_path / "out" / lost).read_bytes()
    (tmp_path / "out" / lost).unlink()
    again = next(iter(run_inline(items, job, median_restorer)))
    assert facts(again) == facts(first)
    assert (tmp_path / "out" / lost).read_bytes() == data


def test_a_changed_derivative_is_left_and_the_new_one_put_beside_it(
    items: list[InputRow], job: RestoreJob, tmp_path: Path
) -> None:
    first = next(iter(run_inline(items, job, median_restorer)))
    (tmp_path / "out/restored/a.png").write_bytes(b"retouched by hand")
    again = next(iter(run_inline(items, job, median_restorer)))
    assert (tmp_path / "out/restored/a.png").read_bytes() == b"retouched by hand"
    digest = first.derivatives[0].sha256
    assert again.derivatives[0].uri == str(tmp_path / f"out/restored/a.{digest[:8]}.png")
    assert again.derivatives[0].sha256 == digest
    (flag,) = [flag for flag in again.flags if flag.code == "name-conflict"]
    assert "restored/a.png" in flag.explanation


def test_a_conflict_is_met_in_the_same_way_each_time(
    items: list[InputRow], job: RestoreJob, tmp_path: Path
) -> None:
    (tmp_path / "out/masks").mkdir(parents=True)
    (tmp_path / "out/masks/a.png").write_bytes(b"somebody's file")
    first = next(iter(run_inline(items, job, median_restorer)))
    again = next(iter(run_inline(items, job, idle_restorer)))
    assert facts(again) == facts(first)
    assert [flag.code for flag in again.flags] == ["mask-share", "name-conflict"]


def test_a_foreign_sidecar_is_no_proof(items: list[InputRow], job: RestoreJob, tmp_path: Path) -> None:
    (tmp_path / "out/sidecars").mkdir(parents=True)
    for content in (b"", b"[]", b"{}", b'{"format": "oldphoto-sidecar/1"}', b"\xff\xfe"):
        (tmp_path / "out/sidecars/a.json").write_bytes(content)
        row = next(iter(run_inline(items, job, median_restorer)))
        assert row.outcome is Outcome.DONE
        own = Path(row.derivatives[-1].uri)
        assert own.match("out/sidecars/a.*.json")
        told = read_sidecar(FolderStore(tmp_path / "out"), f"sidecars/{own.name}")
        assert told.stem == "a", "what its other files are called"
        assert (tmp_path / "out/sidecars/a.json").read_bytes() == content
        assert "name-conflict" not in [flag.code for flag in row.flags], "no picture is in doubt"


def test_another_recipe_or_request_is_other_work(
    items: list[InputRow], job: RestoreJob, tmp_path: Path
) -> None:
    list(run_inline(items, job, median_restorer))
    for other in (replace(job, recipe_id="0" * 64), replace(job, keep_tiers=True)):
        with pytest.raises(AssertionError):
            raise_if_restored(items[0], other)


def test_what_another_photo_left_under_a_name_is_not_taken_over(
    items: list[InputRow], job: RestoreJob, tmp_path: Path
) -> None:
    """Another key, as where a file was renamed, or other bytes."""
    list(run_inline(items, job, median_restorer))
    save(tmp_path / "scans/other.png", scratched())
    save(tmp_path / "scans/a.png", scratched(41))
    for key in ("other.png", "a.png"):
        (item,) = rows(tmp_path / "scans", [key])
        with pytest.raises(AssertionError):
            raise_if_restored(replace(item, stem="a"), job)


def test_what_a_sidecar_says_is_read_again(items: list[InputRow], job: RestoreJob, tmp_path: Path) -> None:
    row = next(iter(run_inline(items, replace(job, collection="plates"), median_restorer)))
    store = FolderStore(tmp_path / "out")
    told = read_sidecar(store, "sidecars/a.json")
    assert facts(replace(told.outcome, work_item_id=row.work_item_id)) == facts(row)
    assert (told.key, told.stem, told.prefix, told.sha256) == ("a.png", "a", "", items[0].sha256)
    assert (told.collection, told.source, told.recipe) == ("plates", items[0].uri, job.recipe_id)
    assert (told.header["width"], told.header["height"], told.software) == (56, 40, job.software)


@pytest.mark.parametrize(
    "change", [{"format": "oldphoto-sidecar/99"}, {"outcome": "failed"}, {"derivatives": [{"path": "x"}]}]
)
def test_a_sidecar_that_cannot_be_read_is_named(
    items: list[InputRow], job: RestoreJob, tmp_path: Path, change: dict[str, object]
) -> None:
    list(run_inline(items, job, median_restorer))
    path = tmp_path / "out/sidecars/a.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(StorageError, match=r"sidecars/a\.json is no sidecar"):
        read_sidecar(FolderStore(tmp_path / "out"), "sidecars/a.json")


def raise_if_restored(item: InputRow, job: RestoreJob) -> None:
    (row,) = run_inline([item], job, idle_restorer)
    if row.outcome is Outcome.FAILED:
        raise AssertionError(row.reason)


def test_pixels_that_come_out_otherwise_never_replace_a_derivative(
    items: list[InputRow], job: RestoreJob, tmp_path: Path
) -> None:
    list(run_inline(items, job, median_restorer))
    before = (tmp_path / "out/probability/a.png").read_bytes()
    (tmp_path / "out/sidecars/a.json").unlink()
    row = next(iter(run_inline(items, job, other_restorer)))
    assert (tmp_path / "out/probability/a.png").read_bytes() == before
    assert "name-conflict" in [flag.code for flag in row.flags]
