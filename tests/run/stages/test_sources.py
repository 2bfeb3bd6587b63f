"""Conversations from files: rendered where they are trajectories; rows in = examples + rejected."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

import trajectune as tt
from trajectune.dialects.registry import get_dialect
from trajectune.environments.database import DatabaseEnvironment
from trajectune.run.api.rejections import Rejections, write_rejections
from trajectune.run.recipe import Recipe, check_recipe, override
from trajectune.run.recipe.sections import SourceSpec
from trajectune.run.stages.sources import (
    OMITTED,
    examples_of,
    holds_trajectories,
    missing_files,
    source_values,
)
from trajectune.storage import JsonlWriter
from trajectune.trajectory import Outcome, Trajectory

RECIPE = Recipe(name="x")


@pytest.fixture(scope="module")
def trajectories(tmp_path_factory: pytest.TempPathFactory) -> list[Trajectory]:
    db = tt.environment("database", train=4, test=2)
    path = tmp_path_factory.mktemp("sources") / "played.jsonl"
    return tt.rollout(db, tt.Expert(), to=path, tasks=4).trajectories()


def written(path: Path, rows: Sequence[Trajectory], *lines: str) -> str:
    with JsonlWriter(path) as file:
        for row in rows:
            file.write(row)
    with path.open("a", encoding="utf-8") as text:
        text.writelines(f"{line}\n" for line in lines)
    return str(path)


def test_trajectories_of_a_file_are_rendered_in_the_recipes_dialect(
    trajectories: list[Trajectory], tmp_path: Path
) -> None:
    data = written(tmp_path / "played.jsonl", trajectories)
    texts = set()
    for dialect in ("agentbench", "react", "json"):
        rejected: Rejections = []
        examples = list(
            examples_of(
                override(RECIPE, {"dialect": dialect}), SourceSpec(data=data), "mine", rejected, Counter()
            )
        )
        assert [example.id for example in examples] == [row.id for row in trajectories]
        assert {example.source for example in examples} == {"mine"}
        assert rejected == []
        texts.add(examples[0].messages[-1].content)
    assert len(texts) == 3


def test_trajectories_are_rendered_in_the_grammar_that_their_environment_brings(
    trajectories: list[Trajectory], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = written(tmp_path / "played.jsonl", trajectories)
    monkeypatch.setattr(DatabaseEnvironment, "dialects", {"agentbench": get_dialect("json", "database")})
    ours, json_ = (
        [
            example.messages
            for example in examples_of(
                override(RECIPE, {"dialect": name}), SourceSpec(data=data), "mine", [], Counter()
            )
        ]
        for name in ("agentbench", "json")
    )
    assert ours == json_


def test_every_row_is_an_example_or_rejected_with_its_reason(
    trajectories: list[Trajectory], tmp_path: Path
) -> None:
    broken = trajectories[1].model_copy(
        update={"reward": None, "outcome": Outcome.AGENT_ERROR, "steps": [], "id": "broken"}
    )
    empty = trajectories[2].model_copy(update={"steps": [], "id": "empty"})
    data = written(tmp_path / "played.jsonl", [trajectories[0], broken, empty], "no json", '{"a": 1}')
    rejected: Rejections = []
    examples = list(examples_of(RECIPE, SourceSpec(data=data), "mine", rejected, Counter()))
    assert len(examples) == 1
    assert len(rejected) == 4
    assert {source for source, _ in rejected} == {"mine"}
    reasons = "\n".join(reason for _, reason in rejected)
    assert "broken: infrastructure error" in reasons
    assert "empty: a trajectory without steps" in reasons
    assert "line 4" in reasons
    assert "line 5" in reasons


def test_conversations_are_read_in_any_known_format(tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    rows = [{"instruction": "Hi", "output": "Hello"}, {"instruction": "Hi"}]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    rejected: Rejections = []
    (example,) = examples_of(RECIPE, SourceSpec(data=str(path)), "chat", rejected, Counter())
    assert [message.content for message in example.messages] == ["Hi", "Hello"]
    assert len(rejected) == 1


def test_only_a_file_of_trajectories_needs_a_dialect(
    trajectories: list[Trajectory], tmp_path: Path
) -> None:
    played = written(tmp_path / "played.jsonl", trajectories)
    chat = tmp_path / "chat.jsonl"
    chat.write_text('{"instruction": "Hi", "output": "Hello"}\n', encoding="utf-8")
    assert holds_trajectories(played)
    for other in (str(chat), "hf:owner/name", str(tmp_path), str(tmp_path / "none.jsonl")):
        assert not holds_trajectories(other)
    react = override(RECIPE, {"dialect": "react"})
    assert source_values(RECIPE, SourceSpec(data=played)) != source_values(react, SourceSpec(data=played))
    spec = SourceSpec(data=str(chat))
    assert source_values(RECIPE, spec) == source_values(react, spec)
    omitted = SourceSpec(data=str(chat), reasoning="omit")
    assert source_values(RECIPE, spec) != source_values(RECIPE, omitted)


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    there = tmp_path / "chat.jsonl"
    there.touch()
    general = {
        "a": {"data": str(there)},
        "b": {"data": "self"},
        "c": {"data": "hf:owner/name"},
        "d": {"data": "gone.jsonl"},
    }
    steps = [{"decontaminate": {"against": [str(there), "lost.csv"]}}]
    recipe = check_recipe({"name": "x", "curate": {"general": general, "steps": steps}}, where="")
    assert missing_files(recipe) == ["gone.jsonl", "lost.csv"]


def test_rejections_are_written_anew_and_only_where_there_are_any(tmp_path: Path) -> None:
    path = tmp_path / "rejected.jsonl"
    write_rejections(path, [("a", "one"), ("b", "two")])
    write_rejections(path, [("a", "one")])
    assert [json.loads(line) for line in path.read_text("utf-8").splitlines()] == [
        {"source": "a", "reason": "one"}
    ]
    write_rejections(path, [])
    assert not path.exists()


def test_reasoning_is_kept_unless_the_recipe_leaves_it_out(tmp_path: Path) -> None:
    thought = {"role": "assistant", "content": "18", "reasoning_content": "hm", "trained": True}
    rows = [
        {"messages": [{"role": "user", "content": "Paris?"}, {**thought, "observation": "x"}]},
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]},
    ]
    path = tmp_path / "chat.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    found: dict[str, list[str]] = {}
    notes: dict[str, Counter[str]] = {"keep": Counter(), "omit": Counter()}
    for setting in ("keep", "omit"):
        spec = SourceSpec.model_validate({"data": str(path), "reasoning": setting})
        examples = list(examples_of(RECIPE, spec, "chat", [], notes[setting]))
        assert [len(example.messages) for example in examples] == [2, 2]
        found[setting] = [message.reasoning for example in examples for message in example.messages]
    assert found == {"keep": ["", "hm", "", ""], "omit": ["", "", "", ""]}
    unread = "a turn holds `observation`, which no reader knows"
    assert notes == {"keep": {unread: 1}, "omit": {unread: 1, OMITTED: 1}}
