"""Self-Instruct against a server: what is written is tried and counted, and the same command goes on."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from support.teachers import Teacher, teaching
from trajectune.environments.database.engine.tables import literal
from trajectune.environments.registry import load_environment
from trajectune.errors import AgentError, DataError, RecipeError
from trajectune.instructions import invent as module
from trajectune.instructions.invent import invent
from trajectune.instructions.kinds.contract import INCOMPLETE
from trajectune.instructions.kinds.database import About, DatabaseKind
from trajectune.instructions.outcome import Construction
from trajectune.progress import Progress

KIND = DatabaseKind()


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def sound(number: int) -> dict[str, str]:
    """A task that fits the n-th request of seed 0, and is unlike that of any other."""
    about: About = KIND.request(Random(f"0/{number}"), []).about
    name, value = about.table.columns[0].name, str(about.table.rows[0][0])
    where = f"WHERE `{name}` = {literal(value)}"
    new = f"new {number}"
    said, sql = {
        "insert": (f"{number}: put {new} in.", f"INSERT INTO `{{}}` (`{name}`) VALUES ('{new}')"),
        "update": (f"Let {value} be {new}.", f"UPDATE `{{}}` SET `{name}` = '{new}' {where}"),
        "delete": (f"{value} goes.", f"DELETE FROM `{{}}` {where}"),
    }[about.kind]
    return {"description": said, "sql": sql.format(about.table.name)}


def answers(number: int, prompt: str) -> str | None:
    """One sound task for each request."""
    del prompt
    return f"Here:\n```json\n{json.dumps([sound(number)])}\n```"


def run(teacher: Teacher, folder: Path, tasks: int = 3, requests: int = 9, **options: Any) -> Construction:
    return invent(KIND, teacher.agent(), folder, tasks=tasks, requests=requests, **options).counts


def test_it_stops_at_the_number_of_tasks(tmp_path: Path) -> None:
    told: list[Progress] = []
    with teaching(answers) as teacher:
        counts = run(teacher, tmp_path, on_progress=told.append)
    assert len(teacher.prompts) == 3
    assert (counts.asked, counts.written, counts.accepted, counts.rejected) == (3, 3, 3, {})
    assert (counts.usage.prompt_tokens, counts.usage.generated_tokens) == (33, 21)
    assert [each.done for each in told] == [0, 1, 2, 3]
    environment = load_environment("database", KIND.options(tmp_path))
    assert len(environment.tasks("train")) == 3
    assert Construction.load(tmp_path) == counts


def test_it_stops_at_the_number_of_requests_and_counts_every_reason(tmp_path: Path) -> None:
    replies: dict[int, Any] = {
        0: json.dumps(sound(0)),
        1: "I cannot do that.",
        2: json.dumps([{"description": "no statement"}, sound(0)]),
        3: json.dumps({**sound(3), "sql": "DROP TABLE x"}),
    }
    with teaching(lambda number, _: replies[number]) as teacher:
        counts = run(teacher, tmp_path, tasks=9, requests=4)
    assert counts.accepted == 1
    assert counts.written == 5
    assert counts.rejected == {
        module.NO_TASK: 1,
        INCOMPLETE: 1,
        module.DUPLICATE: 1,
        "its statement is of another kind than was asked for": 1,
    }
    rows = [json.loads(line) for line in (tmp_path / "rejected.jsonl").read_text().splitlines()]
    assert [row["request"] for row in rows] == [1, 2, 2, 3]
    assert rows[0]["written"] == "I cannot do that."


def test_an_example_that_is_given_back_is_no_new_task(tmp_path: Path) -> None:
    shown = KIND.request(Random("0/0"), []).shown
    assert len(shown) == 2
    replies = json.dumps([{**sound(0), "description": shown[1]}, sound(0)])
    with teaching(lambda *_: replies) as teacher:
        counts = run(teacher, tmp_path, tasks=1)
    assert (counts.accepted, counts.rejected) == (1, {module.COPIED: 1})


def test_what_was_accepted_is_named_in_later_requests(tmp_path: Path) -> None:
    with teaching(answers) as teacher:
        run(teacher, tmp_path, tasks=2)
    assert f"- {sound(0)['description']}" in teacher.prompts[1]
    assert "already" not in teacher.prompts[0]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_it_goes_on_where_it_was_stopped(stop: type[BaseException], tmp_path: Path) -> None:
    def stopping(progress: Progress) -> None:
        if progress.done == 2:
            raise stop

    with teaching(answers) as teacher:
        with pytest.raises(stop):
            run(teacher, tmp_path, tasks=4, on_progress=stopping)
        assert Construction.load(tmp_path).accepted == 2
        before = (tmp_path / "tasks.jsonl").read_text().splitlines()
    with teaching(lambda number, prompt: answers(number + 2, prompt)) as teacher:
        counts = run(teacher, tmp_path, tasks=4)
        assert len(teacher.prompts) == 2
        assert run(teacher, tmp_path, tasks=4) == counts
        assert len(teacher.prompts) == 2, "finished, it asks nobody"
    assert (tmp_path / "tasks.jsonl").read_text().splitlines()[:2] == before
    assert counts.accepted == 4
    assert counts.asked == 4


def test_a_failure_of_the_server_is_no_answer_and_is_asked_again(tmp_path: Path) -> None:
    failed: list[int] = []

    def say(number: int, prompt: str) -> str | None:
        if number in (0, 2):
            failed.append(number)
            return None
        return answers(number - len(failed), prompt)

    with teaching(say) as teacher:
        counts = run(teacher, tmp_path, tasks=3)
    assert failed == [0, 2]
    assert (counts.asked, counts.accepted, counts.rejected) == (3, 3, {})


def test_a_server_that_never_answers_is_told(tmp_path: Path) -> None:
    with teaching(lambda *_: None) as teacher, pytest.raises(AgentError, match="20 requests all failed"):
        run(teacher, tmp_path)
    assert Construction.load(tmp_path).written == 0


def test_no_task_at_all_is_told(tmp_path: Path) -> None:
    with teaching(lambda *_: "no") as teacher, pytest.raises(DataError, match="not one task was accepted"):
        run(teacher, tmp_path, requests=2)
    assert Construction.load(tmp_path).rejected == {module.NO_TASK: 2}


def test_a_folder_of_other_settings_is_refused(tmp_path: Path) -> None:
    with teaching(answers) as teacher:
        run(teacher, tmp_path, tasks=1)
        with pytest.raises(RecipeError, match="another seed"):
            run(teacher, tmp_path, tasks=1, seed=5)


def test_many_requests_at_a_time_lose_and_double_nothing(tmp_path: Path) -> None:
    kinds: dict[str, int] = {}

    def say(_: int, prompt: str) -> str:
        kinds[prompt] = kinds.get(prompt, 0) + 1
        return "nothing"

    with teaching(say) as teacher:
        agent = teacher.agent(workers=8)
        with pytest.raises(DataError):
            invent(KIND, agent, tmp_path, tasks=1, requests=40)
        agent.close()
    assert len(kinds) == 40
    assert set(kinds.values()) == {1}
    rows = [json.loads(line)["request"] for line in (tmp_path / "replies.jsonl").read_text().splitlines()]
    assert rows == list(range(40))
