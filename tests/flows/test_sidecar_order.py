"""In which order sidecars are taken: each photo's as it was made, others' by time where times can be believed."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from flows.sidecar_order import sidecars_by_age
from storage import StoredObject

FIRST, SECOND, THIRD = (
    "recipes/aaaaaaaaaaaa/",
    "recipes/bbbbbbbbbbbb/",
    "recipes/bbbbbbbbbbbb/contents/cccccccccccc/",
)


def ordered(times: dict[str, int]) -> list[str]:
    """Return keys in the order in which they are taken; ``times`` are seconds."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    stored = [StoredObject(key, 1, start + timedelta(seconds=at)) for key, at in times.items()]
    random.Random(1).shuffle(stored)
    return [one.key for one in sidecars_by_age(stored)]


def test_times_that_no_place_contradicts_are_believed() -> None:
    keys = ["sidecars/a.json", f"{FIRST}sidecars/a.json", "sidecars/b.json", f"{FIRST}sidecars/b.json"]
    assert ordered(dict(zip(keys, range(4), strict=True))) == keys


def test_a_line_break_in_a_name_keeps_no_sidecar_out() -> None:
    keys = [f"{prefix}sidecars/a\nb.json" for prefix in ("", SECOND, THIRD)]
    assert ordered(dict(zip(keys, (3, 2, 1), strict=True))) == keys


def test_of_a_copy_each_photos_own_order_is_kept_and_recipes_do_not_take_turns() -> None:
    prefixes = ("", SECOND, THIRD)
    keys = [f"{prefix}sidecars/{name}.json" for prefix in prefixes for name in ("a", "b", "c")]
    by_name = {key: second for second, key in enumerate(sorted(keys))}
    assert ordered(by_name) == keys


def test_a_time_that_tells_of_a_later_recipe_is_believed_in_a_copy_too() -> None:
    """A photo's first recipe failed at first: its result at the top is younger than the second recipe's."""
    keys = ["sidecars/a.json", f"{SECOND}sidecars/a.json", f"{FIRST}sidecars/a.json"]
    assert ordered(dict(zip(keys, (3, 2, 4), strict=True))) == keys
