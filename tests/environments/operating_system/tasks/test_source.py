"""AgentBench's tasks are used only where their gold holds on this machine; the others are counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from trajectune.environments.contract import StepResult
from trajectune.environments.operating_system import OperatingSystemEnvironment
from trajectune.environments.operating_system.sandbox.limits import Limits
from trajectune.environments.operating_system.tasks import source
from trajectune.environments.operating_system.tasks.replay import DoesNotHoldError, replayed
from trajectune.environments.operating_system.tasks.rows import Row, read_row
from trajectune.environments.operating_system.tasks.source import FileSource, Found
from trajectune.environments.play import start
from trajectune.errors import DataError, RecipeError
from trajectune.progress import Progress, listening
from trajectune.trajectory import ToolCall

INTEGER = {"language": "python", "file": "check/integer-match.py"}
STRING = {"language": "python", "file": "check/string-match.py"}


def counted(
    example: str, init: str = "touch /root/a /root/b", check: Any = INTEGER, **more: Any
) -> dict[str, Any]:
    return {
        "description": "How many files are in the home folder?",
        "create": {"init": init},
        "evaluation": {"check": [None, check], "example": example},
        **more,
    }


CALC = {
    "description": "Make a command twice that prints its number doubled.",
    "evaluation": {
        "check": [
            {"code": '[ "$(twice 21)" = 42 ]'},
            {"code": "import sys; sys.exit(len(sys.argv) != 3)", "language": "python"},
        ],
        "example": (
            "printf '#!/bin/bash\\necho $(( $1 * 2 ))\\n' > /usr/local/bin/twice; chmod 755 "
            "/usr/local/bin/twice"
        ),
    },
}
PYTHON = {
    "language": "python",
    "code": "import os\nprint(len([f for f in os.listdir('/root') if f[0] != '.']))",
}
BESIDE = {
    "description": "Which file grows?",
    "start": "while :; do echo x >> /root/g; sleep 0.1; done",
    "evaluation": {"match": "g"},
}
HOLD = {
    "plain": counted("ls /root | wc -l"),
    "errors besides": counted("ls /root /nowhere | grep -c '^[ab]$'"),
    "leaves its shell": counted("cd /root; ls | wc -l; exit 0"),
    "several lines": counted("#!/bin/bash\n# counts\nn=0\nfor f in ~/*; do\n  n=$((n + 1))\ndone\necho $n"),
    "python": counted("", evaluation={"check": [None, INTEGER], "example": PYTHON}),
    "text": counted("echo 'a b'", check=STRING),
    "a check of its own": CALC,
    "a program beside": BESIDE,
}  # fmt: skip
FAIL = {
    "its init script fails": counted("echo 1", init="false"),
    "its gold script fails": counted("echo 1; false"),
    "its gold script prints nothing": counted("true"),
    "its gold answer does not pass its own check": counted("echo many"),
    "its gold answer differs between two machines": counted("date +%s%N"),
    "it is too slow here": counted("sleep 20"),
    "an agent that knows nothing would be paid": counted("echo None", check=STRING),
}
LIMITS = Limits(seconds=20)


@pytest.mark.parametrize("name", HOLD)
def test_a_gold_that_holds_is_kept_with_its_answer(name: str, bubblewrap: str) -> None:
    problem = replayed(read_row(HOLD[name], None), bubblewrap, LIMITS)
    assert problem.answer in ("2", "a b", "g", "")
    assert problem.stages or name == "a program beside"


@pytest.mark.parametrize("reason", FAIL)
def test_a_gold_that_does_not_hold_is_named(
    reason: str, bubblewrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "slow" in reason:
        monkeypatch.setattr("trajectune.environments.operating_system.machine.PREPARING", 0.5)
    with pytest.raises(DoesNotHoldError, match=f"^{reason}"):
        replayed(read_row(FAIL[reason], None), bubblewrap, LIMITS)


def test_a_machine_that_is_drawn_at_random_is_found_out(bubblewrap: str) -> None:
    coin = counted("ls /root | wc -l", init="touch /root/a; [ $((RANDOM % 2)) = 0 ] || touch /root/b")
    kept = 0
    for _ in range(4):
        with suppress(DoesNotHoldError):
            kept += bool(replayed(read_row(coin, None), bubblewrap, LIMITS))
    assert kept <= 1  # once in 64 by chance


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps([HOLD["plain"], {"broken": 1}, FAIL["its init script fails"], CALC]))
    return path


@pytest.mark.usefixtures("bubblewrap")
def test_rows_in_are_tasks_and_rejected_ones(file: Path) -> None:
    found = FileSource(file, "dev", LIMITS)
    assert [task.id for task in found.tasks("dev")] == ["agentbench-tasks-1", "agentbench-tasks-4"]
    assert found.tasks("train") == []
    assert [(row.line, row.reason.partition(":")[0]) for row in found.rejected] == [
        (2, "description (a text) and evaluation (an object) are needed"),
        (3, "its init script fails"),
    ]


def test_trials_are_kept_and_made_again_only_for_what_was_slow(
    file: Path, bubblewrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = FileSource(file, "dev", LIMITS)
    known = first.tasks("dev")
    monkeypatch.setattr(source, "_try", lambda *_: pytest.fail("tried again"))
    assert FileSource(file, "dev", LIMITS).tasks("dev") == known
    other = FileSource(file, "dev", Limits(seconds=21))
    monkeypatch.setattr(source, "_try", lambda *_: {"reason": f"{source.SLOW}: time"})
    assert other.tasks("dev") == []
    assert len(other.rejected) == 4
    tried: list[int] = []
    monkeypatch.setattr(source, "_try", lambda *_: tried.append(1) or {"answer": "1", "script": "x"})
    assert len(FileSource(file, "dev", Limits(seconds=21)).tasks("dev")) == 3
    assert len(tried) == 3
    del bubblewrap


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "Not a list"),
        ("[]", "an empty list"),
        ("[1]", "not an object"),
        ("[", "(?i)json|line|expect|end"),
    ],
)
def test_a_file_that_holds_no_tasks_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        FileSource(path, "test", LIMITS)


def answered(environment: OperatingSystemEnvironment, number: int, *calls: ToolCall) -> StepResult:
    episode = environment.open(environment.tasks("dev")[number])
    results = [episode.step(call) for call in calls]
    episode.close()
    return results[-1]


def call(name: str, **arguments: str) -> ToolCall:
    return ToolCall(name=name, arguments=dict(arguments))


@pytest.mark.usefixtures("bubblewrap")
def test_an_answer_is_judged_by_the_untouched_machine(file: Path) -> None:
    environment = OperatingSystemEnvironment("agentbench", path=file, split="dev", limits={"seconds": 20})
    remove = call("bash_action", script="rm /root/a; ls /root | wc -l")
    assert answered(environment, 0, remove, call("answer_action", answer="1")).reward == 0
    assert answered(environment, 0, remove, call("answer_action", answer="2")).reward == 1
    assert answered(environment, 0, call("finish_action")).reward == 0


@pytest.mark.usefixtures("bubblewrap")
def test_check_scripts_run_in_the_agents_machine_but_not_in_its_shell(file: Path) -> None:
    environment = OperatingSystemEnvironment("agentbench", path=file, split="dev", limits={"seconds": 20})
    solve = call("bash_action", script=CALC["evaluation"]["example"])
    pretend = call("bash_action", script="twice() { echo 42; }; export -f twice; trap 'exit 0' EXIT")
    assert answered(environment, 1, call("finish_action")).reward == 0
    assert answered(environment, 1, pretend, call("finish_action")).reward == 0
    assert answered(environment, 1, solve, call("finish_action")).reward == 1
    assert answered(environment, 1, solve, call("answer_action", answer="a\0b")).reward == 0


def test_trials_tell_how_far_they_are_and_survive_ctrl_c(
    file: Path, bubblewrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    del bubblewrap
    tried, heard = list[Row](), list[Progress]()

    def stopped(row: Row, *_: object) -> Found:
        tried.append(row)
        if len(tried) == 2:
            raise KeyboardInterrupt
        return {"reason": "too hard"}

    monkeypatch.setattr(source, "AT_ONCE", 1)
    monkeypatch.setattr(source, "_try", stopped)
    with pytest.raises(KeyboardInterrupt), listening(heard.append):
        FileSource(file, "dev", LIMITS).tasks("dev")
    assert [each.done for each in heard] == [0, 1]
    assert heard[0].what.endswith(file.name)
    first = tried[:]
    FileSource(file, "dev", LIMITS).tasks("dev")
    assert first[0] not in tried[len(first) :]
    assert first[1] in tried[len(first) :]


def test_a_file_is_needed() -> None:
    with pytest.raises(RecipeError, match="needs 'path'"):
        OperatingSystemEnvironment("agentbench")


@pytest.mark.usefixtures("bubblewrap")
def test_the_real_dev_tasks(shared_data: Path, record_property: Callable[[str, object], None]) -> None:
    path = shared_data / "agentbench" / "os_interaction" / "dev.json"
    environment = OperatingSystemEnvironment("agentbench", path=path, split="dev")
    tasks = environment.tasks("dev")
    record_property("agentbench_os_dev_tasks_that_hold", len(tasks))
    assert len(tasks) + len(environment.rejected) == 26
    assert len(tasks) >= 15
    assert sum("set scripts to" in row.reason for row in environment.rejected) == 3
    solved = 0
    for task in tasks[::4]:
        played = start(environment, task, 0)
        if played is not None:
            while played.advance() is not None:
                pass
            played.episode.close()
            assert played.last is not None
            assert played.last.reward == 1, task
            solved += 1
    assert solved >= 3


def test_all_real_training_rows_can_be_read(shared_data: Path) -> None:
    rows = json.loads(
        (shared_data / "agentbench" / "os_interaction" / "train.json").read_text(encoding="utf-8")
    )
    read = [read_row(row, None) for row in rows]
    assert len(read) == 1000
    assert {row.problem.kind for row in read} == {"integer-match", "string-match", "size-match"}
    assert all(row.example for row in read)
