"""Only processes of the box are sent signals, whatever numbers are given."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from trajectune.environments.operating_system.sandbox import killing, processes
from trajectune.environments.operating_system.sandbox.box import Box


@pytest.fixture
def neighbour() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the host."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def state(number: int) -> str:
    """One letter: S sleeps, T is stopped."""
    with open(f"/proc/{number}/stat") as file:  # noqa: PTH123
        return file.read().rpartition(") ")[2][0]


def running(box: Box) -> int:
    """Background jobs, as the shell counts them; it may have something to say of a killed one too."""
    return int(next(line for line in box.run("jobs -r | wc -l").data.splitlines() if line.isdigit()))


def test_a_process_of_the_host_is_spared_though_its_number_is_given(
    box: Box, neighbour: subprocess.Popen[bytes]
) -> None:
    caught: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: caught.append(number))
    try:
        inside = processes.namespace(box.supervisor)
        killing.kill([neighbour.pid, os.getpid()], inside, signal.SIGTERM)
        killing.kill([neighbour.pid, os.getpid()], "", signal.SIGTERM)
        time.sleep(0.1)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert caught == []
    assert neighbour.poll() is None


def test_a_process_of_the_box_is_reached(box: Box) -> None:
    inside = processes.namespace(box.supervisor)
    assert inside.startswith("pid:[")
    assert inside != processes.namespace(os.getpid())
    box.run("sleep 50 >/dev/null 2>&1 &")
    known = set(processes.descendants(box.process))
    box.run("sleep 60 >/dev/null 2>&1 &")
    (new,) = set(processes.descendants(box.process)) - known
    killing.kill([new], inside, signal.SIGSTOP)
    deadline = time.monotonic() + 5
    while state(new) != "T" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert state(new) == "T"
    killing.stop(box.process, inside, known)
    deadline = time.monotonic() + 5  # bash tells of the killed one when it has noticed
    while (left := running(box)) != 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert left == 1


def test_a_child_that_is_ending_is_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel writes 0 for it, and a signal to 0 would reach this program's own group."""
    monkeypatch.setattr(processes, "_read", lambda *_: "12 0 34 ")
    assert processes.children(1) == [12, 34]


def test_handles_and_numbers_of_the_dead_are_fine() -> None:
    with subprocess.Popen(["true"]) as process:
        handle = os.pidfd_open(process.pid)
    killing.kill_by_handle(handle)
    os.close(handle)
    killing.kill_by_handle(handle)
    killing.kill([process.pid], "pid:[1]")
    assert processes.namespace(process.pid) == ""
