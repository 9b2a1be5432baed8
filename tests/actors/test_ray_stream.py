"""The stages as real Ray actors: everything comes out once, and a photo that kills its worker costs only itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import ray

from actors.errors import EngineError
from actors.inline import run_inline
from actors.ray_dataset import PhotoDataset, RayEngine
from actors.ray_session import machines, ray_session
from actors.resources import EngineSettings, Resources, StageGroup
from actors.rows import InputRow, OutcomeRow
from actors.stages.fused import ALL_STAGES, StageName
from actors.stream import run_stream
from oldphoto_core.photo import Outcome
from tests.actors.median_restorer import KILLER_VALUE, absent_weights, median_restorer, slow_restorer
from tests.actors.photos import clean, job_for, rows, save, save_oriented, scratched
from tests.e2e.conftest import wait_until

pytestmark = pytest.mark.integration
SETTINGS = EngineSettings(object_store_bytes=100 * 1024**2, workers=1, window=5, task_retries=1)


@pytest.fixture(scope="module")
def engine() -> Iterator[None]:
    """One Ray for all tests of this module; starting it takes seconds."""
    if ray.is_initialized():
        yield
        return
    with ray_session(SETTINGS):
        yield


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "scans"


def facts(row: OutcomeRow) -> tuple[object, ...]:
    return (row.outcome, row.tier, row.error_class, row.derivatives, row.mask, row.faces, row.flags)


@pytest.mark.usefixtures("engine")
def test_two_windows_of_good_and_bad_photos(
    source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Seven photos in windows of five; one of the first five kills its worker whenever it is looked at."""
    for name in ("1.png", "3.png", "4.png", "6.png"):
        save(source / name, scratched())
    save(source / "2.png", np.full((16, 16, 3), KILLER_VALUE, np.uint8))
    save(source / "5.png", clean())
    (source / "7.png").write_bytes(b"not a picture")
    items = rows(source, [f"{number}.png" for number in range(1, 8)])
    job = job_for(source, tmp_path / "out")
    batches = list(run_stream(items, job, settings=SETTINGS, restorer_factory=median_restorer))
    found = {row.key: row for batch in batches for row in batch}
    assert sum(map(len, batches)) == len(found) == 7
    assert [found[item.key].outcome for item in items] == [
        Outcome.DONE,
        Outcome.QUARANTINED,
        Outcome.DONE,
        Outcome.DONE,
        Outcome.SKIPPED,
        Outcome.DONE,
        Outcome.QUARANTINED,
    ]
    assert found["2.png"].error_class == "worker-killed"
    assert "killed 3 times" in (found["2.png"].reason or "")
    assert len(list((tmp_path / "out/sidecars").iterdir())) == 5
    assert capfd.readouterr().out == ""

    good = [item for item in items if item.key != "2.png"]
    job = job_for(source, tmp_path / "inline")
    for batch in run_stream(good, job, executor="inline", restorer_factory=median_restorer):
        for row in batch:
            moved = [(one.kind, one.sha256) for one in found[row.key].derivatives]
            assert moved == [(one.kind, one.sha256) for one in row.derivatives]
            assert facts(row)[:3] == facts(found[row.key])[:3]


@pytest.mark.usefixtures("engine")
def test_without_weights_the_run_stops_and_blames_no_photo(source: Path, tmp_path: Path) -> None:
    save(source / "1.png", scratched())
    stream = run_stream(
        rows(source, ["1.png"]),
        job_for(source, tmp_path / "out"),
        settings=SETTINGS,
        restorer_factory=absent_weights,
    )
    with pytest.raises(EngineError, match="no trained weights"):
        list(stream)


def test_a_large_photo_may_take_longer_and_small_ones_beside_it_wait(source: Path, tmp_path: Path) -> None:
    settings = EngineSettings(photo_timeout_s=100, megapixel_timeout_s=2)
    engine = RayEngine(job_for(source, tmp_path / "out"), settings, None, ())
    small, large = (InputRow(1, "a.tif", "", "", "", "a", pixels=pixels) for pixels in (10**6, 500 * 10**6))
    assert engine.patience([small]) == 100
    assert engine.patience([small, large, small]) == 1000
    forged = replace(large, pixels=2**64)
    assert engine.patience([forged]) == 1000, "no photo beyond the limits is decoded"


@pytest.mark.usefixtures("engine")
def test_stages_in_workers_of_their_own_hand_pixels_on_unchanged(source: Path, tmp_path: Path) -> None:
    """The layout for GPUs, here without any: 8 and 16 bits, upright and turned, in one dataset."""
    save(source / "a.tif", scratched(dtype=np.uint16))
    save_oriented(source / "b.png", scratched(), orientation=6)
    save(source / "c.png", clean())
    (source / "d.png").write_bytes(b"not a picture")
    items = rows(source, ["a.tif", "b.png", "c.png", "d.png"])
    groups = ((StageName.READ,), (StageName.DETECT, StageName.RESTORE, StageName.ENHANCE), (StageName.WRITE,))
    plan = tuple(StageGroup(stages, Resources(0.25, 0, 1, 1)) for stages in groups)
    job = job_for(source, tmp_path / "ray", keep_tiers=True)
    dataset = PhotoDataset(items, RayEngine(job, SETTINGS, median_restorer, plan))
    found = {row.key: row for row in dataset.outcomes()}
    here = {
        row.key: row
        for row in run_inline(items, job_for(source, tmp_path / "here", keep_tiers=True), median_restorer)
    }
    assert found.keys() == here.keys()
    for key, row in here.items():
        assert found[key].outcome is row.outcome
        assert [one.sha256 for one in found[key].derivatives] == [one.sha256 for one in row.derivatives]


@pytest.mark.usefixtures("engine")
def test_a_dataset_is_stopped_while_a_photo_takes_long(source: Path, tmp_path: Path) -> None:
    save(source / "1.png", scratched())
    plan = (StageGroup(ALL_STAGES, Resources(0.25, 0, 1, 1)),)
    job = job_for(source, tmp_path / "out")
    dataset = PhotoDataset(rows(source, ["1.png"]), RayEngine(job, SETTINGS, slow_restorer, plan))
    taking = Thread(target=lambda: list(dataset.outcomes()), daemon=True)
    taking.start()
    wait_until((source / "begun").exists, "the photo to be begun", 400)
    dataset.stop()
    taking.join(400)
    assert not taking.is_alive()


@pytest.mark.usefixtures("engine")
def test_this_machine_is_a_node() -> None:
    (machine,) = machines()
    assert machine.cpus >= 1
    assert machine.memory > 0
