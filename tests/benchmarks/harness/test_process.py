"""A side in a process of its own: answers, and errors that name it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.compare import compare
from harness.process import Child, SideError
from harness.results import FAILED, run
from support.weather import FakeStation

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
SCRIPT = f"""
import os, sys, time
sys.path.insert(0, {str(BENCHMARKS)!r})
from harness.child import serve

def work(request):
    print("a library says hello")
    return {{"rates": {{"work": request["rows"] + request["round"]}}, "facts": {{"pid": os.getpid()}}}}

def die(request):
    print("out of memory, sorry", file=sys.stderr)
    os._exit(3)

def hang(request):
    time.sleep(60)

serve({{"work": work, "die": die, "hang": hang, "nothing": lambda _: {{"rates": {{"work": 0}}}}}})
"""


@pytest.fixture
def child() -> Iterator[Child]:
    with Child("rival", [sys.executable, "-c", SCRIPT], patience=30) as found:
        yield found


def test_one_process_answers_every_round(child: Child) -> None:
    sides = {"rival": child.side("work", rows=8), "ours": lambda _: {"work": 1.0}}
    found = compare(sides, baseline="ours", seconds=0, station=FakeStation())
    pieces = [each.pieces["rival"] for each in found.rounds]
    assert [piece.rates["work"] for piece in pieces] == [8, 9, 10, 11, 12, 13, 14]
    assert len({piece.facts["pid"] for piece in pieces}) == 1
    if Path("/proc/self/status").exists():
        assert pieces[0].facts["peak_memory_gb"] > 0.001


def test_one_that_dies_is_named_with_its_last_words(child: Child) -> None:
    with pytest.raises(SideError, match=r"^rival: ended with status 3: … out of memory, sorry$"):
        child.side("die")(0)
    with pytest.raises(SideError, match=r"^rival: ended with status 3"):
        child.side("work", rows=1)(0)


def test_one_that_hangs_is_ended(child: Child) -> None:
    child.side("work", rows=1)(0)
    child.patience = 0.1
    with pytest.raises(SideError, match=r"^rival: no answer in 0 s$"):
        child.side("hang")(0)


def test_an_error_of_one_request_leaves_it_alive(child: Child) -> None:
    with pytest.raises(SideError, match=r"^rival: KeyError: 'rows'$"):
        child.side("work")(0)
    assert child.side("work", rows=1)(0)


def test_what_is_no_answer_is_shown(child: Child) -> None:
    with pytest.raises(SideError, match=r"^rival: no answer but "):
        child.side("nothing")(0)
    with (
        Child("babble", [sys.executable, "-c", "input(); print('Hello!'); input()"]) as babble,
        pytest.raises(SideError, match=r"^babble: no answer but 'Hello!'$"),
    ):
        babble.side("work")(0)


def test_what_cannot_be_started_is_named() -> None:
    with pytest.raises(SideError, match=r"^ghost: cannot be started: "):
        Child("ghost", ["/no/such/program"])


def test_closing_ends_a_child_that_is_at_work() -> None:
    with Child("rival", [sys.executable, "-c", SCRIPT]) as child:
        child.side("work", rows=1)(0)
    assert child._process.returncode == 0


def test_a_script_tells_of_a_failed_side_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> int:
        raise SideError("rival: ended with status 3")

    with pytest.raises(SystemExit) as ended:
        run(main)
    assert ended.value.code == FAILED
    assert capsys.readouterr().err == "rival: ended with status 3\n"
    with pytest.raises(SystemExit) as ended:
        run(lambda: None)
    assert ended.value.code == 0
