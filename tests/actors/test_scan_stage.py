"""Law: how much memory a photo may take changes nothing about what becomes of it, down to the last byte."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from actors.inline import run_inline, settled
from actors.job import RestoreJob
from actors.rows import OutcomeRow, PhotoRow
from actors.stages.fused import FusedStage
from oldphoto_core.image_io import DecodedScan, decode_scan
from oldphoto_core.memory import WORKING_SET
from oldphoto_core.photo import Outcome, Tier
from oldphoto_core.settings import RestoreSettings
from tests.actors.photos import clean, job_for, rows, save, save_oriented, scratched
from tests.flows.material import aged_photo, write_weights

TINY = WORKING_SET + 20_000_000
FINDING = RestoreSettings(grow_probability=0.01, seed_probability=0.02)
"""With these an untrained detector finds damage; with those of every day it finds none."""


@pytest.fixture(autouse=True)
def bulky(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every pixel seem to take kilobytes: small photos then go by parts where a worker has `TINY` only."""
    monkeypatch.setattr("oldphoto_core.memory._FINDINGS", 20_000)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    save(folder / "a.png", aged_photo(1))
    save_oriented(folder / "b.png", scratched(), orientation=6)
    save(folder / "c.tif", scratched(90, 70, dtype=np.uint16))
    deep = np.dstack([scratched(50, 60, dtype=np.uint16), np.full((50, 60), 40_000, np.uint16)])
    tifffile.imwrite(
        folder / "d.tif",
        deep,
        photometric="rgb",
        extrasamples=["unassalpha"],
        compression="zlib",
        rowsperstrip=7,
        extratags=[(274, "H", 1, 8, True)],
    )
    save(folder / "e.jpg", clean()[..., 0])
    (folder / "f.tif").write_bytes((folder / "d.tif").read_bytes()[:-200])
    return folder


def run(job: RestoreJob, scans: Path) -> dict[str, OutcomeRow]:
    items = rows(scans, sorted(path.name for path in scans.iterdir()))
    return {row.key: row for row in run_inline(items, job)}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("tier", "settings", "ends"),
    [
        (Tier.ENHANCED, FINDING, {Outcome.DONE, Outcome.QUARANTINED}),
        (Tier.CONSERVED, FINDING, {Outcome.DONE, Outcome.QUARANTINED}),
        (Tier.CONSERVED, RestoreSettings(), {Outcome.SKIPPED, Outcome.QUARANTINED}),
    ],
)
def test_by_parts_and_in_memory_leave_the_same_bytes(
    scans: Path, tmp_path: Path, weights: Path, tier: Tier, settings: RestoreSettings, ends: set[Outcome]
) -> None:
    whole, parts = (
        replace(
            job_for(scans, tmp_path / name, tier=tier, keep_tiers=True),
            weights=weights,
            settings=settings,
            memory=memory,
        )
        for name, memory in (("whole", 3 * 2**30), ("parts", TINY))
    )
    expected, found = run(whole, scans), run(parts, scans)
    assert {row.outcome for row in expected.values()} == ends
    for key, row in expected.items():
        assert found[key].outcome is row.outcome, found[key].reason
        assert found[key].reason == row.reason
        assert found[key].measurements == row.measurements
        assert [one.sha256 for one in found[key].derivatives] == [one.sha256 for one in row.derivatives]
        assert [event.type for event in found[key].events] == [event.type for event in row.events]
    assert files(tmp_path / "parts") == files(tmp_path / "whole")


@pytest.mark.parametrize("at_once", [1 << 20, 1])
def test_a_file_that_changed_since_ingest_is_quarantined(
    scans: Path, tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """Of a large file the read stage sees the header only: the bytes are compared where it is restored."""
    monkeypatch.setattr("actors.stages.read._READ_AT_ONCE", at_once)
    (item,) = rows(scans, ["c.tif"])
    save(scans / "c.tif", scratched(91, 70, dtype=np.uint16))
    job = replace(job_for(scans, tmp_path / "out"), weights=weights, memory=TINY)
    (row,) = run_inline([item], job)
    assert (row.outcome, row.error_class) == (Outcome.QUARANTINED, "fixity")


def test_a_file_that_is_replaced_while_it_is_read_is_quarantined(
    scans: Path, tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By parts a file is read twice: for its digest, then for its pixels."""
    items = rows(scans, ["c.tif"])

    def after_it_was_hashed(path: Path, **how: Any) -> DecodedScan:
        save(path, scratched(91, 70, dtype=np.uint16))
        return decode_scan(path, **how)

    monkeypatch.setattr("actors.stages.scan.decode_scan", after_it_was_hashed)
    job = replace(job_for(scans, tmp_path / "out"), weights=weights, memory=TINY)
    (row,) = run_inline(items, job)
    assert (row.outcome, row.error_class) == (Outcome.QUARANTINED, "fixity")
    assert not (tmp_path / "out/restored").exists()


def test_a_conflicting_name_gets_the_digest_of_the_scan(scans: Path, tmp_path: Path, weights: Path) -> None:
    (tmp_path / "out/masks").mkdir(parents=True)
    (tmp_path / "out/masks/c.png").write_bytes(b"somebody else's")
    job = replace(job_for(scans, tmp_path / "out"), weights=weights, memory=TINY)
    (row,) = run_inline(rows(scans, ["c.tif"]), job)
    assert row.mask is not None
    assert row.mask.sha256[:8] in row.mask.uri
    assert "name-conflict" in {flag.code for flag in row.flags}


def test_two_threads_share_a_worker_and_one_at_a_time_the_networks(
    scans: Path, tmp_path: Path, weights: Path
) -> None:
    """What Ray does with a worker that has two photos in hand: the same files as one after the other."""
    job = replace(job_for(scans, tmp_path / "one"), weights=weights)
    expected = run(job, scans)
    fused = FusedStage(replace(job, destination=str(tmp_path / "two"), at_once=2))
    items = rows(scans, sorted(expected))
    with ThreadPoolExecutor(2) as pool:
        found = [settled(photo) for photo in pool.map(fused, map(PhotoRow, items))]
    for row in found:
        assert [one.sha256 for one in row.derivatives] == [
            one.sha256 for one in expected[row.key].derivatives
        ]
    assert files(tmp_path / "two") == files(tmp_path / "one")
