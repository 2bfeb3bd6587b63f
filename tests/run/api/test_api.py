"""The public API: quick to import, complete, and honest about what it leaves out."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import trajectune as tt
from trajectune.errors import ModelError, RecipeError
from trajectune.evaluate.compare import PairedChange
from trajectune.evaluate.intervals import Interval
from trajectune.run.api.measuring import Compared
from trajectune.storage import JsonlWriter
from trajectune.trajectory import Action, Outcome, Step


def test_every_public_name_is_there_and_documented() -> None:
    for name in tt.__all__:
        found = getattr(tt, name)
        if name != "__version__":
            assert "`" in (inspect.getdoc(found) or ""), f"{name} shows no use of it"
    assert set(dir(tt)) == set(tt.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = tt.nothing  # pyright: ignore[reportAttributeAccessIssue]


def test_importing_it_loads_no_heavy_library() -> None:
    code = "import sys, trajectune; print({'torch', 'transformers', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("name", ["evaluate", "report", "rollout", "tune"])
def test_a_function_may_be_called_like_a_package(name: str) -> None:
    """`tt.tune(...)` works whether or not `trajectune.tune` was imported as a package before."""
    code = (
        f"import trajectune as tt; first = tt.{name}; "
        f"import trajectune.run.run, trajectune.{name} as package; "
        f"assert callable(first) and callable(tt.{name}) and tt.{name} is package; "
        f"import inspect; assert 'to' in inspect.signature(tt.{name}).parameters"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tt.Played:
    db = tt.environment("database", train=6, test=2)
    path = tmp_path_factory.mktemp("api") / "played.jsonl"
    return tt.rollout(db, tt.Expert(), tasks=3, attempts=2, to=path, source="mine")


def test_what_is_kept_of_a_rollout_is_counted(played: tt.Played) -> None:
    kept = played.keep(per_task=1)
    assert kept.funnel is not None
    assert (kept.funnel.tasks, kept.funnel.episodes, kept.funnel.kept) == (3, 6, 3)
    examples = kept.examples()
    assert {example.source for example in examples} == {"mine"}
    assert all(example.id.startswith("mine/") for example in examples)
    assert kept.rejections == []


def test_trajectories_are_told_in_any_dialect(played: tt.Played) -> None:
    react = played.examples(dialect="react")
    assert any("Action:" in message.content for message in react[0].messages)
    assert react[0].id == played.examples()[0].id


def test_what_a_dialect_cannot_write_is_rejected_with_the_reason(played: tt.Played, tmp_path: Path) -> None:
    first = played.trajectories()[0]
    call = tt.ToolCall(name="execute_sql", arguments={"query": "SELECT 1"})
    step = Step(actions=[Action(call=call), Action(call=call)])
    path = tmp_path / "parallel.jsonl"
    with JsonlWriter(path) as file:
        file.write(first.model_copy(update={"steps": [step], "outcome": Outcome.COMPLETED}))
    parallel = tt.Played(path, played.environment, "agentbench", "mine", 1.0)
    assert parallel.examples() == []
    ((source, reason),) = parallel.rejections
    assert source == "mine"
    assert "agentbench" in reason


def test_more_tasks_than_there_are_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    db = tt.environment("database", train=2, test=2)
    with pytest.raises(RecipeError, match="has 2 tasks, 5 were asked for"):
        tt.rollout(db, tt.Expert(), tasks=5, to=tmp_path / "played.jsonl")


def test_a_mixture_holds_out_general_rows_and_counts_the_rest(played: tt.Played) -> None:
    agent = played.keep().examples()
    general = [
        agent[0].model_copy(update={"id": f"g{n}", "messages": _chat(f"Question {n}?")}) for n in range(8)
    ]
    data = tt.mix({"db": agent}, {"chat": general}, eta=0.25, held_out=2, rows={"chat": 4})
    assert (len(data.held_out), sum(data.shares.values())) == (2, 1)
    assert data.shares["db"] == 0.25
    assert sum(row.source == "chat" for row in data.train) == 4
    assert sum(data.counts["chat"].rejected.values()) == 2


def _chat(question: str) -> list:
    from trajectune.example import Message

    answer = Message(role="assistant", content="Yes.", trained=True)
    return [Message(role="user", content=question), answer]


def test_a_composition_is_checked_before_any_model_is_loaded() -> None:
    composed = tt.compose("upscale", large="a", tuned="b", base="c", strength=0.5, top_p=0.9)
    assert (composed.strength, composed.top_p) == (0.5, 0.9)
    with pytest.raises(ModelError, match="does not go with the models"):
        tt.compose("upscale", large="a", tuned="b")
    with pytest.raises(RecipeError, match="no composition"):
        tt.compose("grow", large="a")


def test_a_comparison_is_readable_when_printed() -> None:
    change = PairedChange(
        suite="db",
        before="base",
        after="tuned",
        tasks=10,
        unpaired=0,
        gained=4,
        lost=1,
        change=Interval(value=0.3, low=0.1, high=0.5),
        p_value=0.375,
    )
    text = str(Compared([change, change.model_copy(update={"change": None})]))
    assert text.splitlines() == [
        "db: base → tuned: +0.300 [+0.100, +0.500], 4 better, 1 worse of 10, p = 0.375",
        "db: base → tuned: nothing in common",
    ]


def test_a_report_needs_a_system(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="nothing to report"):
        tt.report([], to=tmp_path)
