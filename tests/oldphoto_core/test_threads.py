"""Laws of working in threads: the order is kept, little is under way, errors come in their place."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from oldphoto_core.threads import in_threads


@pytest.mark.parametrize("workers", [1, 3])
def test_results_keep_the_order_and_few_items_are_taken_ahead(workers: int) -> None:
    made: list[int] = []

    def source() -> Iterator[int]:
        for number in range(20):
            made.append(number)
            yield number

    taken = []
    for number in in_threads(lambda number: 2 * number, source(), workers):
        taken.append(number)
        assert len(made) <= len(taken) + workers
    assert taken == list(range(0, 40, 2))


@pytest.mark.parametrize("workers", [1, 4])
def test_what_making_a_result_raises_is_raised_in_its_place(workers: int) -> None:
    def made(number: int) -> int:
        if number == 1:
            raise OSError("the disk is gone")
        return number

    results = in_threads(made, range(5), workers)
    assert next(results) == 0
    with pytest.raises(OSError, match="gone"):
        next(results)


def test_leaving_early_leaves_no_thread() -> None:
    before = threading.active_count()
    results = in_threads(abs, range(100), 4)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
