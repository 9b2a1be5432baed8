"""Laws of the flags and the measurements behind them."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from oldphoto_core.errors import UsageError
from oldphoto_core.flags import RULES, assess, with_thresholds
from oldphoto_core.measure import ChangeMeter, measure_detection
from oldphoto_core.photo import DefectDetection, Mask
from oldphoto_core.settings import RestoreSettings
from oldphoto_core.steps import is_reason


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_fires_at_its_threshold_and_not_below(rule) -> None:  # type: ignore[no-untyped-def]
    at = {flag.code: flag for flag in assess({rule.measurement: rule.threshold})}
    below = {flag.code for flag in assess({rule.measurement: rule.threshold * 0.999})}
    assert at[rule.code].value == rule.threshold
    (above,) = (flag for flag in assess({rule.measurement: 2 * rule.threshold}) if flag.code == rule.code)
    assert (above.value, above.threshold) == (2 * rule.threshold, rule.threshold)
    assert at[rule.code].rule_version == rule.version
    assert rule.code not in below


def test_nothing_measured_nothing_flagged() -> None:
    assert assess({}) == ()


def test_codes_are_unique_and_every_explanation_is_a_sentence() -> None:
    assert len({rule.code for rule in RULES}) == len(RULES)
    assert all(rule.explanation.endswith(".") for rule in RULES)


def test_a_threshold_is_changed_for_its_code_alone() -> None:
    (changed,) = with_thresholds({"colour-drift": 2.0})
    (known,) = (rule for rule in RULES if rule.code == "colour-drift")
    assert changed == replace(known, threshold=2.0)
    with pytest.raises(UsageError, match=r"'sharpness'\. Choose one of: mask-share"):
        with_thresholds({"sharpness": 1.0})


def _change(before: NDArray[np.float32], after: NDArray[np.float32], mask: Mask) -> dict[str, float]:
    meter = ChangeMeter(*mask.shape)
    meter.add(0, 0, before, after, mask)
    return meter.measurements()


def test_change_is_measured_outside_the_mask_only() -> None:
    before = np.full((40, 40, 3), 0.5, np.float32)
    after, mask = before.copy(), np.zeros((40, 40), bool)
    mask[10:20, 10:20] = True
    after[mask] = 1.0
    assert _change(before, after, mask)["mean_change"] == 0
    assert _change(before, after + 0.1, mask)["mean_change"] == pytest.approx(0.1, abs=1e-6)


@pytest.mark.parametrize(("height", "width"), [(40, 2100), (3100, 40)])
def test_a_large_photo_is_measured_alike_in_whatever_blocks_it_passes(height: int, width: int) -> None:
    """Blocks of odd sizes, so that those pixels that are compared lie elsewhere in each."""
    rng = np.random.default_rng(0)
    before = cv2.blur(rng.random((height, width, 3), np.float32), (15, 15))
    after = np.clip(before + rng.normal(0.02, 0.1, before.shape).astype(np.float32), 0, 1)
    mask = rng.random((height, width)) < 0.1
    meter = ChangeMeter(height, width)
    for top in reversed(range(0, height, 17)):
        for left in range(0, width, 1013):
            block = np.s_[top : top + 17, left : left + 1013]
            meter.add(top, left, before[block], after[block], mask[block])
    assert meter.measurements() == _change(before, after, mask)
    step = max(height, width) // 1024
    seen = np.s_[::step, ::step]
    change = np.abs(after - before)[seen][~mask[seen]].mean()
    assert meter.measurements()["mean_change"] == pytest.approx(change, rel=1e-4)


def test_removed_grain_is_no_colour_drift_but_a_cast_is() -> None:
    rng = np.random.default_rng(0)
    before = np.full((128, 128, 3), 0.5, np.float32)
    grain = before + rng.normal(0, 0.05, before.shape).astype(np.float32)
    cast = before + np.array([0.05, 0, -0.05], np.float32)
    none = np.zeros((128, 128), bool)
    drift = [_change(before, after, none)["colour_drift"] for after in (grain, cast)]
    assert drift[0] < 1.0 < drift[1]


def test_colours_that_changed_in_the_mask_are_no_drift() -> None:
    before = np.full((256, 256, 3), 0.5, np.float32)
    after, left, nothing = before.copy(), np.zeros((256, 256), bool), np.zeros((256, 256), bool)
    left[:, :128] = True
    after[left] += np.array([0.2, 0, -0.2], np.float32)
    # Blurred, a little of it lies on the other side of the border.
    assert (
        _change(before, after, left)["colour_drift"] < 0.1 * _change(before, after, nothing)["colour_drift"]
    )


def test_what_lies_beyond_black_and_white_is_no_change() -> None:
    ends = np.zeros((40, 40, 3), np.float32)
    ends[20:] = 1
    measured = _change(ends, 1.5 * ends - 0.25, np.zeros((40, 40), bool))
    assert measured == {"mean_change": 0.0, "colour_drift": 0.0}


def test_everything_masked_measures_no_change() -> None:
    before = np.zeros((8, 8, 3), np.float32)
    assert _change(before, before + 1, np.ones((8, 8), bool)) == {
        "mean_change": 0.0,
        "colour_drift": 0.0,
    }


def test_detection_is_measured() -> None:
    probability = np.zeros((10, 10), np.float32)
    probability[0, :5] = 0.5
    mask = np.zeros((10, 10), bool)
    mask[5, 5] = mask[8:10, 0] = True
    measured = measure_detection(DefectDetection(probability, mask))
    assert measured == pytest.approx(
        {"mask_share": 0.03, "mask_components": 2.0, "uncertain_share": 0.05, "fill_depth": 0.1}
    )


def test_what_is_measured_and_decided_are_plain_numbers() -> None:
    """Whoever calls us writes them as JSON, which has none of NumPy's."""
    mask = np.eye(6, dtype=bool)
    detection = DefectDetection(np.full(mask.shape, 0.5, np.float32), mask)
    assert {type(value) for value in measure_detection(detection).values()} == {float}
    assert type(detection.coverage) is float
    assert is_reason(detection.coverage, RestoreSettings()) is True
