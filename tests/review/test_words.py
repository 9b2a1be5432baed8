"""The desk has words for everything that the core flags and measures for flags."""

from __future__ import annotations

import pytest

from oldphoto_core.flag_words import FLAG_NAMES, FLAGS_OF_SHARES
from oldphoto_core.flags import RULES, Rule
from review.words import MEASUREMENT_NAMES, flag_value, measurement_value


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_rule_has_a_name_and_its_measurement_has_one(rule: Rule) -> None:
    assert rule.code in FLAG_NAMES
    words, unit = MEASUREMENT_NAMES[rule.measurement]
    assert words
    assert (unit == "%") == (rule.code in FLAGS_OF_SHARES), "the flag and the measurement are told alike"
    shown = flag_value(rule.threshold, rule.code)
    assert measurement_value(rule.threshold, rule.measurement).startswith(shown)
