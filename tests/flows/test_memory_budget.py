from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from flows.memory_budget import MemoryBudget


def test_what_is_held_together_never_exceeds_the_total() -> None:
    """Eight threads, each of which holds something and then more of it; the last is larger than the total."""
    budget, lock, held, most = MemoryBudget(10), threading.Lock(), [0], [0]

    def change(by: int) -> None:
        with lock:
            held[0] += by
            most[0] = max(most[0], held[0])

    def work(size: int) -> None:
        for _ in range(50):
            with budget.holding(size) as hold:
                change(size)
                change(-size)
                hold(2 * size)
                change(min(2 * size, 10))
                change(-min(2 * size, 10))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(1, 9)))
    assert 0 < most[0] <= 10


def test_two_that_want_more_do_not_wait_for_each_other() -> None:
    budget, both = MemoryBudget(10), threading.Barrier(2, timeout=60)
    ended = []

    def work() -> None:
        with budget.holding(5) as hold:
            both.wait()
            hold(10)
            ended.append(True)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert ended == [True, True]
