"""The processes of the databases: one statement is blamed, all others go on, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from trajectune.environments.database.engine import processes
from trajectune.environments.database.engine.processes import PROCESSES, Process, Processes
from trajectune.environments.database.engine.sandbox import Answer, Sandbox
from trajectune.environments.database.engine.tables import Column, Table
from trajectune.errors import EpisodeError

SERVER = f"{processes.__package__}.server"
PETS = [Table("pets", [Column("name")], [["Rex"], ["Ada"]])]
COUNT = "SELECT count(*) FROM pets"
SLOW = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
KILLED = "SELECT " + "JOIN DIV " * 30


def soon(holds: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether something comes true before long."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def gone(pid: int) -> bool:
    """Whether no process of this number is left, not even a dead one."""
    return not Path(f"/proc/{pid}").exists()


def test_databases_of_a_killed_process_are_as_they_were():
    one, two = Sandbox(PETS, seconds=0.2), Sandbox(PETS)
    two.run("INSERT INTO pets VALUES ('Cy')")
    one.run("DELETE FROM pets WHERE name = 'Rex'")
    (pid, *_) = [process.pid for process in PROCESSES.running()]
    assert one.run(KILLED) == Answer("Error: stopped after 0.2 seconds", failed=True)
    assert gone(pid)
    assert (one.run(COUNT).text, two.run(COUNT).text) == ("[(1,)]", "[(3,)]")
    assert (one.changes, two.changes) == (1, 1)
    assert not one.run("DELETE FROM pets").failed
    assert (one.changes, two.changes) == (2, 1)


def test_a_process_that_was_killed_from_outside_is_nobodys_fault():
    box = Sandbox(PETS)
    box.run("INSERT INTO pets VALUES ('Cy')")
    for process in PROCESSES.running():
        os.kill(process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert box.run(COUNT).text == "[(3,)]"


def test_a_slow_statement_does_not_stop_the_others():
    boxes = [Sandbox(PETS, seconds=1.0) for _ in range(3)]
    seen: list[Answer] = []
    threads = [threading.Thread(target=lambda box=box: seen.append(box.run(SLOW))) for box in boxes]
    for thread in threads:
        thread.start()
    quick = Sandbox(PETS, seconds=0.5)
    assert quick.run(COUNT).text == "[(2,)]"
    for thread in threads:
        thread.join()
    assert [answer.text for answer in seen] == ["Error: stopped after 1 seconds"] * 3
    assert len(PROCESSES.running()) <= processes.MAX_PROCESSES


def test_a_statement_that_waits_for_another_has_its_whole_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(processes, "MAX_PROCESSES", 1)
    monkeypatch.setattr(PROCESSES, "_running", [])
    boxes = [Sandbox(PETS, seconds=0.4) for _ in range(4)]
    seen: list[str] = []
    threads = [
        threading.Thread(target=lambda box=box, sql=sql: seen.append(box.run(sql).text))
        for box, sql in zip(boxes, [SLOW, KILLED, COUNT, COUNT], strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == ["Error: stopped after 0.4 seconds"] * 2 + ["[(2,)]"] * 2


def test_many_threads_with_hostile_statements_get_their_own_answers():
    def work(number: int) -> None:
        box = Sandbox([Table("t", [Column("n", "INT")], [[number]])], seconds=0.15)
        for turn in range(6):
            if turn == number % 6:
                answers.append(box.run(KILLED).failed)
            box.run("UPDATE t SET n = n + 1")
            answers.append(box.run("SELECT n FROM t").text == f"[({number + turn + 1},)]")
        box.close()

    answers: list[bool] = []
    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * (8 * 7)


def test_databases_that_are_closed_or_forgotten_are_dropped():
    megabyte = Sandbox([Table("t", [Column("x")], [["x" * 90_000]] * 11)]).image
    for number in range(100):
        box = Sandbox(image=megabyte)
        box.run("SELECT 1")
        if number % 2:
            box.close()
            box.close()
            assert box.run("SELECT 1").failed
    sizes = [Path(f"/proc/{process.pid}/statm").read_text().split()[1] for process in PROCESSES.running()]
    assert max(int(size) for size in sizes) * os.sysconf("SC_PAGE_SIZE") < 70e6


def test_a_forked_child_has_its_own_process_and_leaves_its_parents():
    box = Sandbox(PETS)
    box.run("INSERT INTO pets VALUES ('Cy')")
    before = [process.pid for process in PROCESSES.running()]
    child = os.fork()
    if child == 0:
        box.run("DELETE FROM pets WHERE name = 'Ada'")
        pids = [process.pid for process in PROCESSES.running()]
        right = box.run(COUNT).text == "[(2,)]" and not set(pids) & set(before)
        for process in PROCESSES.running():
            process.end()
        os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert box.run(COUNT).text == "[(3,)]"
    assert [process.pid for process in PROCESSES.running()] == before


PROGRAM = """
from trajectune.environments.database.engine.processes import PROCESSES
from trajectune.environments.database.engine.sandbox import Sandbox
box = Sandbox(seconds=1)
box.run("SELECT 1")
print(PROCESSES.running()[0].pid, flush=True)
"""


def program(*lines: str) -> tuple[subprocess.Popen[str], int]:
    """A program with an open database, and the number of its process."""
    running = subprocess.Popen(
        [sys.executable, "-c", PROGRAM + "\n".join(lines)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A child of a job in the background inherits that SIGINT is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert running.stdout is not None
    return running, int(running.stdout.readline())


def test_a_process_ends_with_its_program():
    running, pid = program()
    assert running.communicate()[1] == ""
    assert soon(lambda: gone(pid))


def test_a_process_ends_with_a_program_that_is_killed_while_a_statement_runs():
    running, pid = program(f"box.run({SLOW!r})")
    running.kill()
    running.communicate()
    assert soon(lambda: gone(pid))


def test_a_process_ends_with_its_program_also_when_a_forked_child_lives_on():
    running, pid = program("import os, time", "os.fork()", "print('forked', flush=True)", "time.sleep(30)")
    assert running.stdout is not None
    assert {running.stdout.readline() for _ in range(2)} == {"forked\n"}
    running.kill()
    running.wait()
    assert soon(lambda: gone(pid))
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()


def test_ctrl_c_ends_the_program_and_the_process_without_a_word_of_its_own():
    running, pid = program("while True: box.run('SELECT 1')")
    os.killpg(running.pid, signal.SIGINT)
    _, errors = running.communicate()
    assert errors.count("Traceback") == 1
    assert "KeyboardInterrupt" in errors
    assert soon(lambda: gone(pid))


def test_a_process_that_does_not_start_is_broken_infrastructure(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    pool = Processes(SERVER)
    with pytest.raises(EpisodeError, match="did not start"):
        pool.take().ask({"number": 0, "sql": "", "seconds": 1, "whole": False}, b"")
    assert pool.running() == []


def test_a_process_that_hangs_is_broken_infrastructure(monkeypatch: pytest.MonkeyPatch):
    process = Process(SERVER)
    request = {"number": 0, "sql": "SELECT 1", "seconds": 0.1, "whole": False}
    assert process.ask(request, b"")[0]["text"] == "[(1,)]"
    monkeypatch.setattr(processes, "PATIENCE", 0.1)
    os.kill(process.pid, signal.SIGSTOP)
    with pytest.raises(EpisodeError, match="hangs"):
        process.ask(request, b"")
    assert gone(process.pid)
    assert process.end() == -signal.SIGKILL
