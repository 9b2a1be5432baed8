"""The stages, one by one, make what the shipped restorer makes in one call."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actors.inline import run_inline
from actors.restorer import shipped_restorer
from oldphoto_core import load_restorer
from oldphoto_core.errors import WeightsError
from oldphoto_core.photo import Outcome, RestorationResult, Tier
from oldphoto_core.settings import RestoreSettings
from tests.actors.photos import job_for, pixels_of, rows, save, worn

ALWAYS = RestoreSettings(needed_change=0.0)
"""Every photo is restored, however little there is to do."""


@pytest.fixture(scope="module", params=[Tier.ENHANCED, Tier.CONSERVED])
def expected(request: pytest.FixtureRequest) -> RestorationResult:
    restorer = load_restorer(device="cpu", settings=ALWAYS)
    if not restorer.available_tiers:
        pytest.skip("no weights are shipped for any tier")
    return restorer.restore(worn(), tier=request.param)


def test_stages_and_facade_agree(expected: RestorationResult, tmp_path: Path) -> None:
    save(tmp_path / "scans/a.png", worn())
    assert expected.tier is not None
    job = job_for(tmp_path / "scans", tmp_path / "out", tier=expected.tier, keep_tiers=True)
    job = replace(job, settings=ALWAYS)
    (row,) = run_inline(rows(tmp_path / "scans", ["a.png"]), job)
    assert row.reason is None
    assert row.outcome is Outcome.DONE
    assert row.tier == expected.tier
    for one in row.derivatives:
        if one.tier is not None:
            made = next(pixels for tier, pixels in expected.tiers.items() if tier == one.tier)
            assert np.array_equal(pixels_of(Path(one.uri)), made)
    assert np.array_equal(pixels_of(tmp_path / "out/masks/a.png") > 0, expected.defect_mask)
    assert {name: row.measurements[name] for name in expected.measurements} == pytest.approx(
        expected.measurements
    )
    assert [flag.code for flag in row.flags] == [flag.code for flag in expected.flags]
    assert len(row.faces) == len(expected.faces)


def test_an_empty_weights_folder_is_no_restorer(tmp_path: Path) -> None:
    nowhere = replace(job_for(tmp_path, tmp_path / "out"), weights=tmp_path)
    try:
        restorer = shipped_restorer(nowhere)
    except WeightsError:
        return
    assert restorer.available_tiers == ()
    with pytest.raises(WeightsError):
        list(run_inline([], nowhere))
