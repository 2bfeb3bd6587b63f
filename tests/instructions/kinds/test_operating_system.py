"""Tasks on a machine that a model wrote are tried in the sandbox before they are believed."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from trajectune.environments.operating_system.sandbox.requirement import require_sandbox
from trajectune.environments.operating_system.tasks.replay import REASONS
from trajectune.environments.registry import load_environment
from trajectune.errors import DataError, UnavailableError
from trajectune.instructions.kinds import operating_system as kind
from trajectune.instructions.kinds.contract import INCOMPLETE, Request
from trajectune.instructions.kinds.operating_system import CHANGES, OperatingSystemKind
from trajectune.instructions.outcome import RefusedError
from trajectune.run.api.acting import Expert, rollout


@pytest.fixture(scope="module", autouse=True)
def _sandbox() -> None:
    try:
        require_sandbox()
    except UnavailableError as error:
        pytest.skip(str(error))


COUNT = {
    "description": "How many files in /data/logs end in .log? Answer with a number.",
    "init": "mkdir -p /data/logs\ntouch /data/logs/a.log /data/logs/b.log /data/logs/c.txt",
    "gold": "ls /data/logs/*.log | wc -l",
    "check": "integer-match",
}
NAME = {
    "description": "Which file in /data is the largest? Answer with its name.",
    "init": "mkdir -p /data && echo 1 > /data/small && seq 100 > /data/numbers",
    "gold": "ls -S /data | head -n 1",
    "check": "string-match",
}


def tried(task: dict[str, str]) -> dict[str, object]:
    return OperatingSystemKind().tried(task, Request("", "files"))


def test_sound_tasks_are_played_by_their_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAJECTUNE_CACHE", str(tmp_path / "cache"))
    tasks = [COUNT, NAME, *CHANGES]
    rows = [tried(task) for task in tasks]
    OperatingSystemKind().write(rows, tmp_path / OperatingSystemKind.file)
    environment = load_environment("operating_system", OperatingSystemKind.options(tmp_path))
    played = rollout(environment, Expert(), to=tmp_path / "played.jsonl").trajectories()
    assert sorted(each.observation for each in played) == sorted(task["description"] for task in tasks)
    assert [each.reward for each in played] == [1.0] * 4


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"gold": ""}, INCOMPLETE),
        ({"check": ["integer-match"]}, INCOMPLETE),
        ({"init": "mkdir -p /data/logs && exit 3"}, REASONS[0]),
        ({"gold": "ls /nowhere && exit 1"}, REASONS[1]),
        ({"gold": "true"}, REASONS[2]),
        ({"gold": "echo two"}, REASONS[3]),
        ({"gold": "date +%N"}, REASONS[4]),
        ({"gold": "echo 2"}, kind.INDEPENDENT),
        ({"check": "exit 0"}, REASONS[6]),
        ({"check": "exit 1"}, REASONS[3]),
    ],
)
def test_each_reason(changes: dict[str, str], reason: str) -> None:
    with pytest.raises(RefusedError) as error:
        tried({**COUNT, **changes})
    assert str(error.value).startswith(reason)


def test_a_question_that_says_its_answer_is_refused() -> None:
    said = {**NAME, "description": "Is /data/numbers or /data/small larger? Answer with the name."}
    with pytest.raises(RefusedError, match=kind.SAID):
        tried(said)


def test_a_script_that_prints_without_end_is_stopped() -> None:
    with pytest.raises(RefusedError, match=REASONS[5]):
        tried({**COUNT, "gold": "yes"})


def test_hostile_scripts_reach_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    hostile = f"mkdir -p {tmp_path} && touch {mark}; rm -rf / 2>/dev/null; echo 2"
    with pytest.raises(RefusedError):
        tried({**COUNT, "init": hostile, "gold": hostile})
    assert tmp_path.is_dir()
    assert not mark.exists()


def test_a_request_follows_from_its_number_and_teaches_the_form() -> None:
    first, again = (OperatingSystemKind().request(Random("0/1"), ["Count."]) for _ in range(2))
    assert first == again
    assert "- Count." in first.prompt
    shapes = [OperatingSystemKind().request(Random(number), []).prompt for number in range(20)]
    assert 0 < sum("a change of the machine" in prompt for prompt in shapes) < 20
    lines = [line for prompt in shapes for line in prompt.splitlines() if line.startswith("{")]
    assert all(set(json.loads(line)) == {"description", "init", "gold", "check"} for line in lines)


def test_examples_of_the_generator_hold_themselves() -> None:
    rng = Random(1)
    for example in OperatingSystemKind()._questions(rng) + OperatingSystemKind()._questions(rng):
        tried(example)


def test_seed_tasks_of_agentbench(shared_data: Path) -> None:
    file = shared_data / "agentbench/os_interaction/dev.json"
    prompts = [OperatingSystemKind(file).request(Random(number), []).prompt for number in range(8)]
    assert any("count of users" in prompt for prompt in prompts)


def test_a_file_without_seed_tasks_is_told(tmp_path: Path) -> None:
    (tmp_path / "seeds.json").write_text("[]")
    with pytest.raises(DataError, match="no seed task"):
        OperatingSystemKind(tmp_path / "seeds.json")
