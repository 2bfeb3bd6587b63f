"""Jobs reach one thread each, and who waits for one is woken."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.contract import Task
from trajectune.rollout.feed import Feed
from trajectune.rollout.jobs import Job


def job(number: int) -> Job:
    return Job(str(number), Task(str(number), "train"), number)


@given(st.integers(0, 40), st.integers(1, 5), st.lists(st.integers(0, 9), max_size=5))
def test_every_job_is_taken_once_whenever_it_came(before: int, threads: int, later: list[int]) -> None:
    feed, taken, lock = Feed(map(job, range(before)), closed=False), list[str](), threading.Lock()

    def work() -> None:
        while (found := feed.take(wait=True)) is not None:
            with lock:
                taken.append(found.id)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    total = before
    for count in later:
        feed.add(map(job, range(total, total + count)))
        total += count
    feed.close()
    for worker in workers:
        worker.join(10)
        assert not worker.is_alive()
    assert sorted(taken, key=int) == [str(number) for number in range(total)]


def test_nobody_waits_who_has_other_work_or_nothing_to_wait_for() -> None:
    assert Feed(closed=False).take(wait=False) is None
    assert Feed().take(wait=True) is None


def test_what_is_put_back_is_next() -> None:
    feed = Feed([job(1), job(2)])
    first = feed.take(wait=False)
    assert first is not None
    feed.put_back(first)
    assert [each and each.id for each in (feed.take(wait=True) for _ in range(3))] == ["1", "2", None]
