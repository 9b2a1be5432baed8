"""The stages on tiny real files, one after the other in this process."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from actors.inline import run_inline
from actors.job import RestoreJob
from actors.rows import InputRow, OutcomeRow, PhotoRow, to_outcome
from actors.stages.read import ReadStage
from actors.stream import in_batches, run_stream
from oldphoto_core.errors import UsageError, WeightsError
from oldphoto_core.image_io import DecodeLimits, from_upright, to_upright
from oldphoto_core.memory import WORKING_SET
from oldphoto_core.photo import Outcome, Tier
from tests.actors.median_restorer import BREAKER_VALUE, MedianRestorer, absent_weights, median_restorer
from tests.actors.photos import clean, job_for, pixels_of, rows, save, save_oriented, scratched


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "scans").mkdir()
    return tmp_path / "scans"


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    return tmp_path / "out"


def restore(items: Sequence[InputRow], job: RestoreJob) -> dict[str, OutcomeRow]:
    batches = run_stream(items, job, executor="inline", restorer_factory=median_restorer)
    return {row.key: row for batch in batches for row in batch}


def snapshot(folder: Path) -> dict[str, tuple[str, int, int]]:
    """Digest, mtime and mode of every file."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime_ns,
            path.stat().st_mode,
        )
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_name_too_long_for_its_results_is_quarantined_before_any_work(
    source: Path, destination: Path
) -> None:
    name = "x" * 251 + ".png"
    save(source / name, scratched())
    row = restore(rows(source, [name]), job_for(source, destination))[name]
    assert (row.outcome, row.error_class) == (Outcome.QUARANTINED, "unsupported")
    assert "Shorten its name" in str(row.reason)
    assert snapshot(destination) == {}


def test_a_folder_called_like_a_result_costs_neither_photo_its_place(source: Path, destination: Path) -> None:
    names = ["a.png/b.png", "a.jpg", "c.jpg", "c.png/d.png"]
    for name in names:
        save(source / name, scratched())
    found = restore(rows(source, names), job_for(source, destination))
    assert [found[name].outcome for name in names[:3]] == [Outcome.DONE] * 3
    assert "name-conflict" in [flag.code for flag in found["a.jpg"].flags]
    assert found["c.png/d.png"].outcome is Outcome.FAILED
    assert found["c.png/d.png"].error_class == "UnwritableKeyError", "not tried again for ever"
    assert "rename the folder in the source" in str(found["c.png/d.png"].reason)


def test_a_damaged_photo_gets_its_files_and_its_record(source: Path, destination: Path) -> None:
    save(source / "box 1/ä.png", scratched())
    row = restore(rows(source, ["box 1/ä.png"]), job_for(source, destination))["box 1/ä.png"]
    assert (row.outcome, row.tier, row.reason) == (Outcome.DONE, "enhanced", None)
    assert sorted(snapshot(destination)) == [
        "masks/box 1/ä.png",
        "probability/box 1/ä.png",
        "restored/box 1/ä.png",
        "sidecars/box 1/ä.json",
    ]
    assert [one.kind for one in row.derivatives] == ["restored", "mask", "probability", "sidecar"]
    for one in row.derivatives:
        data = Path(one.uri).read_bytes()
        assert (one.sha256, one.size) == (hashlib.sha256(data).hexdigest(), len(data))
    assert row.mask is not None
    assert row.mask.components == 1
    assert row.mask.coverage == pytest.approx(30 / (40 * 56), abs=0.01)
    assert row.measurements["megapixels"] == pytest.approx(40 * 56 / 1e6)
    assert [flag.code for flag in row.flags] == ["mask-share"]
    assert row.faces[0].applied
    assert row.seconds > 0


def test_the_record_suits_the_catalog(source: Path, destination: Path) -> None:
    save(source / "a.png", scratched())
    row = restore(rows(source, ["a.png"]), job_for(source, destination))["a.png"]
    record = to_outcome(row)
    assert (record.work_item_id, record.outcome) == (1, "done")
    for name in {one.name for one in fields(record)} - {"outcome"}:
        assert getattr(record, name) == getattr(row, name)
    check, change = record.events
    assert (check.type, change.type, change.outcome) == ("fixity check", "modification", "success")
    assert check.detail == {"algorithm": "sha256", "digest": row.sha256}
    assert change.detail == {
        "files": [f"{one}/a.png" for one in ("restored", "masks", "probability")] + ["sidecars/a.json"]
    }


@pytest.mark.parametrize("tier", list(Tier))
def test_the_asked_tier_is_made_and_lower_ones_only_on_request(
    source: Path, destination: Path, tier: Tier
) -> None:
    save(source / "a.png", scratched())
    order = list(Tier)
    lower = order[: order.index(tier)]
    items = rows(source, ["a.png"])
    row = restore(items, job_for(source, destination, tier=tier))["a.png"]
    assert row.tier == tier
    assert not (destination / "tiers").exists()
    kept = restore(items, job_for(source, destination / "kept", tier=tier, keep_tiers=True))["a.png"]
    tiers = [(one.kind, one.tier) for one in kept.derivatives if one.tier]
    assert tiers == [("restored", tier), *(("tier", one) for one in reversed(lower))]
    for one in lower:
        assert (destination / "kept/tiers" / one / "a.png").is_file()
    made, as_kept = (one / "restored/a.png" for one in (destination, destination / "kept"))
    assert made.read_bytes() == as_kept.read_bytes()


def test_faces_of_a_lower_tier_are_not_called_enhanced(source: Path, destination: Path) -> None:
    save(source / "a.png", scratched())
    row = restore(rows(source, ["a.png"]), job_for(source, destination, tier=Tier.RESTORED))["a.png"]
    assert [face.applied for face in row.faces] == [False]


def test_conserved_pixels_outside_the_mask_are_the_masters(source: Path, destination: Path) -> None:
    master = scratched()
    save(source / "a.png", master)
    restore(rows(source, ["a.png"]), job_for(source, destination, tier=Tier.CONSERVED))
    mask = pixels_of(destination / "masks/a.png") > 0
    made = pixels_of(destination / "restored/a.png")
    assert np.array_equal(made[~mask], master[~mask])
    assert not np.array_equal(made, master)


def test_sixteen_bits_stay_sixteen_bits(source: Path, destination: Path) -> None:
    save(source / "a.tif", scratched(dtype=np.uint16))
    row = restore(rows(source, ["a.tif"]), job_for(source, destination))["a.tif"]
    assert row.outcome is Outcome.DONE
    made = pixels_of(destination / "restored/a.tif")
    assert made.dtype.name == "uint16"
    assert made.shape == (40, 56, 3)
    assert len(np.unique(made)) > 256


@pytest.mark.parametrize("orientation", range(1, 9))
def test_derivatives_are_stored_as_the_master_is(source: Path, destination: Path, orientation: int) -> None:
    upright = scratched()
    stored = from_upright(upright, orientation)
    save_oriented(source / "a.png", stored, orientation)
    restore(rows(source, ["a.png"]), job_for(source, destination))
    with Image.open(destination / "restored/a.png") as made:
        assert made.getexif()[0x0112] == orientation
    plain = destination / "plain"
    save(source / "b.png", upright)
    restore(rows(source, ["b.png"]), job_for(source, plain))
    for folder in ("restored", "masks", "probability"):
        turned = pixels_of(destination / folder / "a.png")
        assert turned.shape[:2] == stored.shape[:2]
        assert np.array_equal(to_upright(turned, orientation), pixels_of(plain / folder / "b.png"))


def test_a_sound_photo_is_skipped_without_a_restored_file(source: Path, destination: Path) -> None:
    save(source / "a.png", clean())
    row = restore(rows(source, ["a.png"]), job_for(source, destination, keep_tiers=True))["a.png"]
    assert (row.outcome, row.tier, row.error_class) == (Outcome.SKIPPED, None, None)
    assert row.reason
    assert sorted(snapshot(destination)) == ["masks/a.png", "probability/a.png", "sidecars/a.json"]


def test_broken_files_are_quarantined_and_cost_nobody_else(source: Path, destination: Path) -> None:
    save(source / "good.png", scratched())
    save(source / "cut.jpg", scratched(200, 200))
    (source / "cut.jpg").write_bytes((source / "cut.jpg").read_bytes()[:900])
    (source / "empty.tif").write_bytes(b"")
    (source / "text.png").write_text("not a picture")
    save(source / "large.png", scratched(100, 100))
    job = replace(job_for(source, destination), limits=DecodeLimits(max_pixels=9000))
    found = restore(rows(source, ["cut.jpg", "empty.tif", "large.png", "text.png", "good.png"]), job)
    assert found["good.png"].outcome is Outcome.DONE
    for key in ("cut.jpg", "empty.tif", "text.png", "large.png"):
        assert found[key].outcome is Outcome.QUARANTINED
        assert found[key].error_class in ("unreadable", "unsupported", "oversized")
        assert found[key].reason
        assert [str(event.type) for event in found[key].events] == ["quarantine"]
    assert found["large.png"].error_class == "oversized"
    assert len(snapshot(destination)) == 4


def test_what_the_decoder_remarks_is_flagged_and_told(source: Path, destination: Path) -> None:
    tifffile.imwrite(source / "a.tif", np.stack([scratched()[..., 0]] * 2), photometric="minisblack")
    row = restore(rows(source, ["a.tif"]), job_for(source, destination))["a.tif"]
    (flag,) = (flag for flag in row.flags if flag.code == "decode-warnings")
    facts = json.loads((destination / "sidecars/a.json").read_bytes())
    (warning,) = facts["warnings"]
    assert warning in flag.explanation
    assert (flag.value, flag.severity) == (1.0, "notice")


@pytest.mark.parametrize("at_once", [1 << 20, 1])
def test_a_file_larger_than_allowed_is_not_decoded(
    source: Path, destination: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("actors.stages.read._READ_AT_ONCE", at_once)
    save(source / "a.png", scratched())
    job = replace(job_for(source, destination), limits=DecodeLimits(max_bytes=100))
    assert restore(rows(source, ["a.png"]), job)["a.png"].error_class == "oversized"


def test_a_photo_that_changed_since_ingest_is_quarantined(source: Path, destination: Path) -> None:
    save(source / "a.png", scratched())
    items = rows(source, ["a.png"])
    save(source / "a.png", clean())
    row = restore(items, job_for(source, destination))["a.png"]
    assert (row.outcome, row.error_class) == (Outcome.QUARANTINED, "fixity")
    assert row.reason is not None
    assert items[0].sha256 in row.reason
    assert snapshot(destination) == {}


@pytest.mark.parametrize("at_once", [1 << 20, 1])
def test_a_photo_that_is_still_being_copied_is_not_called_damaged(
    source: Path, destination: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """However large it is: a file that is not the one planned is tried again when it is, damaged ones are not."""
    monkeypatch.setattr("actors.stages.read._READ_AT_ONCE", at_once)
    path = save(source / "a.tif", scratched(dtype=np.uint16))
    items = rows(source, ["a.tif"])
    os.truncate(path, 4)
    row = restore(items, job_for(source, destination))["a.tif"]
    assert (row.outcome, row.error_class) == (Outcome.QUARANTINED, "fixity")


@pytest.mark.parametrize("at_once", [1 << 20, 1])
def test_a_damaged_photo_is_called_so_however_large(
    source: Path, destination: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("actors.stages.read._READ_AT_ONCE", at_once)
    os.truncate(save(source / "a.tif", scratched(dtype=np.uint16)), 4)
    row = restore(rows(source, ["a.tif"]), job_for(source, destination))["a.tif"]
    assert (row.outcome, row.error_class) == (Outcome.QUARANTINED, "unreadable")


@pytest.mark.parametrize("at_once", [1 << 20, 1])
def test_of_a_photo_too_large_for_memory_only_the_header_is_read(
    source: Path, destination: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("actors.stages.read._READ_AT_ONCE", at_once)
    save(source / "a.tif", scratched(dtype=np.uint16))
    job = replace(job_for(source, destination), memory=0)
    photo = ReadStage(job)(PhotoRow(*rows(source, ["a.tif"])))
    assert (photo.by_parts, photo.original, photo.result) == (True, None, None)
    assert photo.header is not None
    assert (photo.header.height, photo.header.width) == (40, 56)


def test_photos_in_hand_at_once_share_a_workers_memory() -> None:
    job = RestoreJob("scans", "out", "0" * 64, memory=WORKING_SET + 900)
    assert [replace(job, at_once=number).photo_memory for number in (1, 2, 3)] == [900, 450, 300]


def test_a_photo_that_vanished_fails_and_is_tried_again_later(source: Path, destination: Path) -> None:
    save(source / "a.png", scratched())
    items = rows(source, ["a.png"])
    (source / "a.png").unlink()
    row = restore(items, job_for(source, destination))["a.png"]
    assert (row.outcome, row.error_class) == (Outcome.FAILED, "StorageError")


def test_our_own_mistake_is_a_failure_with_its_trace(source: Path, destination: Path) -> None:
    save(source / "a.png", np.full((20, 20, 3), BREAKER_VALUE, np.uint8))
    row = restore(rows(source, ["a.png"]), job_for(source, destination))["a.png"]
    assert (row.outcome, row.error_class) == (Outcome.FAILED, "RuntimeError")
    assert row.reason == "RuntimeError: this detector cannot stand fourteen"
    assert [str(event.type) for event in row.events] == ["fixity check", "modification"]
    assert "median_restorer.py" in row.events[-1].detail["trace"]


def test_masters_are_untouched(source: Path, destination: Path) -> None:
    save(source / "a.png", scratched())
    save(source / "b.jpg", scratched())
    save(source / "c.tif", scratched(dtype=np.uint16))
    (source / "d.png").write_bytes(b"broken")
    for path in source.iterdir():
        os.utime(path, (1e9, 1e9))
    before = snapshot(source)
    restore(rows(source, ["a.png", "b.jpg", "c.tif", "d.png"]), job_for(source, destination))
    assert snapshot(source) == before


def test_read_only_masters_will_do(source: Path, destination: Path) -> None:
    save(source / "a.png", scratched()).chmod(0o444)
    source.chmod(0o555)
    try:
        row = restore(rows(source, ["a.png"]), job_for(source, destination))["a.png"]
    finally:
        source.chmod(0o755)
    assert row.outcome is Outcome.DONE


def test_the_same_photo_gives_the_same_bytes_anywhere(source: Path, tmp_path: Path) -> None:
    save(source / "a.png", scratched())
    items = rows(source, ["a.png"])
    restore(items, job_for(source, tmp_path / "one"))
    time.sleep(0.01)
    restore(items, job_for(source, tmp_path / "two"))
    one, two = (
        {name: facts[0] for name, facts in snapshot(tmp_path / place).items()} for place in ("one", "two")
    )
    assert one == two
    facts = json.loads((tmp_path / "one/sidecars/a.json").read_bytes())
    assert {file["path"]: file["sha256"] for file in facts["derivatives"]} == {
        name: digest for name, digest in one.items() if not name.startswith("sidecars/")
    }
    assert facts["sha256"] == items[0].sha256
    assert facts["header"]["width"] == 56


def test_without_weights_nothing_starts(source: Path, destination: Path) -> None:
    save(source / "a.png", scratched())
    with pytest.raises(WeightsError):
        list(run_inline(rows(source, ["a.png"]), job_for(source, destination), absent_weights))


def test_a_restorer_without_any_tier_is_refused(source: Path, destination: Path) -> None:
    def untrained(job: RestoreJob) -> MedianRestorer:
        restorer = MedianRestorer()
        restorer.available_tiers = ()
        return restorer

    with pytest.raises(WeightsError, match="No weights for the tier enhanced"):
        list(run_inline([], job_for(source, destination), untrained))


def test_a_tier_without_weights_is_capped(source: Path, destination: Path) -> None:
    def faceless(job: RestoreJob) -> MedianRestorer:
        restorer = MedianRestorer()
        restorer.available_tiers = (Tier.CONSERVED, Tier.RESTORED)
        return restorer

    save(source / "a.png", scratched())
    (row,) = run_inline(rows(source, ["a.png"]), job_for(source, destination), faceless)
    assert row.tier == "restored"


def test_an_unknown_executor_is_a_wrong_usage(source: Path, destination: Path) -> None:
    with pytest.raises(UsageError, match="ray or inline"):
        list(run_stream([], job_for(source, destination), executor="dask"))  # type: ignore[arg-type]


def test_batches_hold_every_row_once_and_the_first_comes_at_once(source: Path, destination: Path) -> None:
    found = [OutcomeRow(number, f"{number}", "", Outcome.DONE) for number in range(1203)]
    batches = list(in_batches(found, seconds=60))
    assert [row for batch in batches for row in batch] == found
    assert len(batches[0]) == 1
    assert max(map(len, batches)) <= 500
