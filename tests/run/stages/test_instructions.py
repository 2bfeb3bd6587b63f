"""Tasks that a recipe lets make are what its agents then act in."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from support.teachers import Teacher, teaching
from trajectune.environments.database.engine.tables import literal
from trajectune.errors import RecipeError
from trajectune.instructions.kinds.database import About, DatabaseKind
from trajectune.run.display import Display
from trajectune.run.recipe import Recipe, check_recipe, override
from trajectune.run.run import check, run_recipe
from trajectune.run.stage import bind
from trajectune.run.stages import instructions
from trajectune.run.study import stages_of
from trajectune.storage import read_records
from trajectune.terminal import Terminal
from trajectune.trajectory import Trajectory

THOUGHT = "I look it up, since the table holds it."


@pytest.fixture
def questions(tmp_path: Path) -> dict[str, str]:
    """Keys of a derived environment: a database and three questions, one of them unusable."""
    with closing(sqlite3.connect(tmp_path / "shop.sqlite")) as connection:
        connection.execute("CREATE TABLE goods (name TEXT, price INT)")
        connection.executemany("INSERT INTO goods VALUES (?, ?)", [("bell", 3), ("book", 7)])
        connection.commit()
    rows = [
        {"question": "What does a book cost?", "SQL": "SELECT price FROM goods WHERE name = 'book'"},
        {"question": "What costs 3?", "SQL": "SELECT name FROM goods WHERE price = 3"},
        {"question": "What costs 99?", "SQL": "SELECT name FROM goods WHERE price = 99"},
    ]
    (tmp_path / "questions.json").write_text(json.dumps(rows))
    paths = {"questions": str(tmp_path / "questions.json"), "databases": str(tmp_path / "shop.sqlite")}
    return {"way": "derive", **paths}


def answer(number: int, prompt: str) -> str:
    """A thought, or a task for the request whose prompt this is."""
    if not prompt.startswith("You write tasks"):
        return f"{THOUGHT} I look {'I' * number}."
    request = next(
        r for n in range(50) if _head(r := DatabaseKind().request(Random(f"0/{n}"), [])) == _head_of(prompt)
    )
    about: About = request.about
    name, value = about.table.columns[0].name, str(about.table.rows[0][0])
    where = f"WHERE `{name}` = {literal(value)}"
    said, sql = {
        "insert": (f"Put {value}-2 in.", f"INSERT INTO `{{}}` (`{name}`) VALUES ({literal(value + '-2')})"),
        "update": (
            f"Let {value} be {value}-2.",
            f"UPDATE `{{}}` SET `{name}` = {literal(value + '-2')} {where}",
        ),
        "delete": (f"{value} goes.", f"DELETE FROM `{{}}` {where}"),
    }[about.kind]
    return json.dumps({"description": said, "sql": sql.format(about.table.name)})


def _head(request: Any) -> str:
    return _head_of(request.prompt)


def _head_of(prompt: str) -> str:
    return prompt.partition("\nThese are there already")[0].partition("\nAnswer with")[0].rstrip()


@pytest.fixture
def teacher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Teacher]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with teaching(answer) as running:
        yield running


def recipe(**environments: Any) -> Recipe:
    return check_recipe({"name": "x", "model": "tiny", "environments": environments}, "a test")


def written(teacher: Teacher, **more: Any) -> dict[str, Any]:
    """Keys of an environment whose tasks a teacher writes."""
    spec = {"kind": "endpoint", "url": teacher.url, "model": "teacher", "workers": 1}
    return {"instructions": {"way": "self_instruct", "teacher": spec, **more}}


def collected(path: Path, asked: Recipe) -> tuple[Path, str]:
    """The run directory after `collect`, and what was shown."""
    page = io.StringIO()
    display = Display(Terminal(file=page, width=200, color_system=None))
    return run_recipe(asked, path, "collect", display=display), " ".join(page.getvalue().split())


def trajectories(run: Path, key: str) -> list[Trajectory]:
    return list(read_records(run / "collect" / f"{key}.jsonl", Trajectory))


def test_derived_tasks_are_played(questions: dict[str, str], tmp_path: Path) -> None:
    spec = {"environment": "database", "instructions": questions, "collect": 9}
    run, shown = collected(tmp_path / "run", recipe(shop=spec))
    assert [each.reward for each in trajectories(run, "shop")] == [1.0, 1.0]
    assert "shop: 2 tasks of 3 that were written" in shown
    assert "shop: 2 tasks are there, not 9" in shown
    assert "1 × its gold statement finds nothing" in shown
    assert "task derivation" in shown


def test_one_environment_is_guided_and_another_writes_its_tasks(
    questions: dict[str, str], teacher: Teacher, tmp_path: Path
) -> None:
    guided = {"kind": "guided", "url": teacher.url, "model": "teacher", "workers": 1}
    shop = {"environment": "database", "instructions": questions, "collect": 2, "agent": guided}
    asked = recipe(shop=shop, database={**written(teacher), "collect": 3})
    run, shown = collected(tmp_path / "run", asked)
    told = [step.thought for each in trajectories(run, "shop") for step in each.steps if step.trained]
    assert all(thought.startswith(THOUGHT) for thought in told)
    counts = json.loads((run / "collect" / "shop.thoughts.json").read_text())
    assert counts["written by the teacher"] == len(told)
    made = trajectories(run, "database")
    assert [each.reward for each in made] == [1.0] * 3
    assert {each.agent for each in made} == {"expert"}
    assert (
        json.loads((run / "instructions" / "database" / "instructions.json").read_text())["accepted"] == 3
    )
    asked_before = len(teacher.prompts)
    collected(tmp_path / "run", asked)
    assert len(teacher.prompts) == asked_before, "made once"
    assert "Self-Instruct" in shown


def test_a_plain_recipe_has_no_such_stage(questions: dict[str, str]) -> None:
    plain = recipe(database={"collect": 3})
    assert instructions.NAME not in {stage.name for stage in stages_of(plain)}
    unused = recipe(database={"collect": 0, "instructions": questions})
    assert instructions.NAME not in {stage.name for stage in stages_of(unused)}


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({"teacher.model": "other"}, True),
        ({"teacher.temperature": 0.5}, True),
        ({"teacher.workers": 3}, False),
        ({"teacher.key_variable": "OTHER"}, False),
        ({"tasks": 7}, True),
        ({"requests": 7}, True),
        ({"seeds": "seeds.jsonl"}, True),
        ({"max_new_tokens": 7}, True),
        ({"max_context": 77}, True),
    ],
)
def test_what_written_tasks_depend_on(changes: dict[str, Any], counts: bool) -> None:
    spec = {"kind": "endpoint", "url": "http://x/v1", "model": "m"}
    plain = recipe(database={"collect": 3, "instructions": {"way": "self_instruct", "teacher": spec}})
    changed = override(
        plain, {f"environments.database.instructions.{key}": value for key, value in changes.items()}
    )
    for stage in (instructions.NAME, "collect"):
        before, after = (bind(stages_of(each), each)[stage].fingerprint for each in (plain, changed))
        assert (before != after) == counts


def test_a_made_model_that_writes_is_made_first() -> None:
    made = {"shrink": "tiny", "layers": 2}
    spec = {"collect": 3, "instructions": {"way": "self_instruct", "teacher": {"kind": "local"}}}
    asked = check_recipe({"name": "x", "model": made, "environments": {"database": spec}}, "a test")
    stage = next(stage for stage in stages_of(asked) if stage.name == instructions.NAME)
    assert stage.needs == ("base",)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"way": "derive"}, "needs `questions` and `databases`"),
        ({"way": "self_instruct"}, "needs a `teacher`"),
        ({"way": "self_instruct", "teacher": {"kind": "expert"}}, "needs a `teacher`"),
        ({"way": "magic"}, "way"),
    ],
)
def test_incomplete_instructions_are_refused(spec: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        recipe(database={"collect": 1, "instructions": spec})


def test_mistakes_are_found_before_any_work(questions: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no tasks of the environment 'operating_system'"):
        check([recipe(operating_system={"collect": 1, "instructions": questions})])
    spec = {"way": "self_instruct", "teacher": {"kind": "local"}}
    with pytest.raises(RecipeError, match="no tasks can be written for the environment 'household'"):
        instructions.check(recipe(household={"collect": 1, "instructions": spec}))
    gone = {**questions, "questions": str(tmp_path / "gone.json")}
    with pytest.raises(RecipeError, match="no such data file"):
        check([recipe(database={"collect": 1, "instructions": gone})])
