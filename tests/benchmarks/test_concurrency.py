"""A thousand episodes at once against a server that fails: nothing lost or doubled, all accounted for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import concurrency
from support.endpoint import reach_this_machine
from trajectune.trajectory import Trajectory

Rows = list[Trajectory]


def test_a_thousand_flaky_episodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """`measured` compares the accounts of both sides; here, that there was something to account for."""
    reach_this_machine(monkeypatch)
    found = concurrency.measured(1000)
    server = found["server"]
    assert min(server[kind] for kind in ("dropped", "cut", "500", "429", "slow")) > 5
    assert found["requests"] == sum(server.values()) > found["replies"] == 3000
    assert found["memory_mb"] < 300


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[1:], "lost or doubled"),
        (lambda rows: [*rows[1:], rows[1]], "lost or doubled"),
        (lambda rows: [rows[0].model_copy(update={"steps": []}), *rows[1:]], "number of steps"),
    ],
)
def test_an_account_that_is_not_whole_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: Callable[[Rows], Rows], said: str
) -> None:
    reach_this_machine(monkeypatch)
    with concurrency.serving() as url:
        rows, requests = concurrency.played(tmp_path, url, 10)
        server = concurrency.stats(url)
    concurrency.check(rows, 10, requests, server)
    with pytest.raises(AssertionError, match=said):
        concurrency.check(change(rows), 10, requests, server)
    with pytest.raises(AssertionError, match="other requests"):
        concurrency.check(rows, 10, requests + 1, server)
