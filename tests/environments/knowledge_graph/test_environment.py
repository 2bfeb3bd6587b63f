"""The environment over its sources; options that are wrong say what would be right; nothing is earned for
nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from support.graphs import BASE, films, serving, triples
from trajectune.environments import unearned
from trajectune.environments.check import check_environment
from trajectune.environments.contract import Environment, Task
from trajectune.environments.knowledge_graph import KnowledgeGraphEnvironment
from trajectune.environments.knowledge_graph.generator.atlas import atlas
from trajectune.environments.knowledge_graph.sources.problem import GoldCall
from trajectune.environments.play import start
from trajectune.environments.registry import load_environment
from trajectune.errors import DataError, RecipeError
from trajectune.trajectory import Fault, ToolCall

QUESTIONS = [
    {
        "question": "Which films did Ridley Scott direct?",
        "entities": {"Ridley Scott": f"{BASE}scott"},
        "answers": [f"{BASE}alien", f"{BASE}gladiator"],
        "actions": [f"get_relations({BASE}scott)", f"get_neighbors({BASE}scott, directed)"],
    },
    {
        "question": "Whose films had Al Pacino in them?",
        "entities": {"Al Pacino": f"{BASE}pacino"},
        "actions": [
            f"get_relations({BASE}pacino)",
            f"get_neighbors({BASE}pacino, ^starred)",
            "get_relations(#0)",
            "get_neighbors(#0, ^directed)",
        ],
    },
]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    graph, path = tmp_path / "films.nt", tmp_path / "films.json"
    graph.write_bytes(triples().encoded())
    path.write_text(json.dumps(QUESTIONS))
    return {"graph": graph, "path": path}


def rewards(environment: Environment, split: Any = "test") -> list[float]:
    """What the expert earns, task by task."""
    earned = []
    for task in environment.tasks(split):
        play = start(environment, task, seed=2)
        assert play is not None
        while play.advance() is not None:
            pass
        assert play.last is not None
        earned.append(play.last.reward)
    return earned


def test_any_rdf_file_with_questions(files: dict[str, Path]):
    environment = KnowledgeGraphEnvironment("questions", path=files["path"], graph=files["graph"])
    assert environment.rejected == []
    assert rewards(environment) == [1.0, 1.0]
    assert [f for f in check_environment(environment) if f.severity == "error"] == []
    problem = environment.source.problem(environment.tasks("test")[1])
    assert problem.answers == {f"{BASE}mann"}


def test_any_endpoint_with_questions(files: dict[str, Path]):
    with serving(films()) as told:
        environment = KnowledgeGraphEnvironment("questions", path=files["path"], endpoint=told.url)
        assert rewards(environment) == [1.0, 1.0]
        asked = len(told.queries)
        again = KnowledgeGraphEnvironment("questions", path=files["path"], endpoint=told.url)
        assert rewards(again) == [1.0, 1.0]
        assert len(told.queries) == asked > 0, "the second run reads the cache"
        told.heavy = "?x"
        slow = KnowledgeGraphEnvironment(
            "questions", path=files["path"], endpoint=f"{told.url}?", seconds=0.2
        )
        assert len(slow.tasks("test")) == 1, "a gold that cannot be evaluated is a row that cannot be used"
        episode = slow.open(slow.tasks("test")[0])
        assert len(slow.rejected) == 1
        assert episode.observation.startswith("Question: Which films")


def test_bad_lines_of_the_graph_are_counted_too(files: dict[str, Path]):
    files["graph"].write_bytes(b"rubbish\n" + files["graph"].read_bytes())
    assert [
        row.line
        for row in KnowledgeGraphEnvironment("questions", path=files["path"], graph=files["graph"]).rejected
    ] == [1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"source": "generate"}, r"'generate'(.|\n)*did you mean 'generated'"),
        ({"source": "metaqa"}, r"option path"),
        ({"source": "questions"}, r"option path"),
        ({"source": "questions", "path": "q.json"}, r"one graph(.|\n)*set graph: FILE"),
        ({"source": "agentbench", "path": "q.json"}, r"one graph"),
        ({"source": "agentbench", "path": "q", "graph": "a.nt", "endpoint": "http://x"}, r"one graph"),
        ({"source": "questions", "path": "q", "endpoint": "x"}, r"no address"),
        ({"repair": 2}, r"option repair(.|\n)*from 0 to 1"),
        ({"seconds": 0}, r"option seconds"),
        ({"seconds": 10_000}, r"option seconds"),
        ({"split": "all"}, r"option split(.|\n)*train, dev, test"),
    ],
)
def test_wrong_options_say_what_would_be_right(options: dict[str, Any], said: str):
    with pytest.raises(RecipeError, match=said):
        KnowledgeGraphEnvironment(**options)


def test_missing_files_are_named(tmp_path: Path):
    with pytest.raises(DataError, match="entity2text"):
        KnowledgeGraphEnvironment("metaqa", path=tmp_path)
    with pytest.raises(DataError, match=r"none\.nt"):
        KnowledgeGraphEnvironment("questions", path="q.json", graph=tmp_path / "none.nt")


def test_it_is_installed_under_its_name():
    environment = load_environment("knowledge_graph", {"train": 2, "kinds": ["count"]})
    assert isinstance(environment, KnowledgeGraphEnvironment)
    assert environment.max_steps == 15
    assert "not AgentBench's" in environment.note


def test_agentbench_s_questions_over_a_graph_of_freebase_s_shape(tmp_path: Path):
    row = {
        "question": "who plays it?",
        "qid": "1_cwq",
        "source": "cwq",
        "entities": {"It, the Thing": "m.0it"},
        "s_expression": "(JOIN (R a.thing.players) m.0it)",
        "actions": ["get_relations(m.0it)", "get_neighbors(m.0it,a.thing.players)"],
        "answer": [{"answer_type": "Entity", "answer_argument": "m.0p", "entity_name": "P"}],
    }
    (tmp_path / "dev.json").write_text(json.dumps([row]))
    ns = "http://rdf.freebase.com/ns/"
    (tmp_path / "fb.nt").write_text(f"<{ns}m.0it> <{ns}a.thing.players> <{ns}m.0p> .\n")
    vocabulary = {"relations": ["a.thing.players"], "attributes": []}
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    environment = KnowledgeGraphEnvironment(
        "agentbench", path=tmp_path / "dev.json", graph=tmp_path / "fb.nt", ontology=tmp_path
    )
    (task,) = environment.tasks("test")
    assert (task.id, task.kind) == ("dev-1-1_cwq", "cwq")
    assert rewards(environment) == [1.0]
    assert environment.note == ""


@pytest.fixture(scope="module")
def generated() -> KnowledgeGraphEnvironment:
    pytest.importorskip("pycountry")
    return KnowledgeGraphEnvironment(train=132, dev=22, test=132)


def test_agents_that_know_nothing_earn_nothing(generated: KnowledgeGraphEnvironment):
    for split in ("train", "test"):
        for task in generated.tasks(split)[:66]:
            for agent in (unearned.nothing, unearned.at_once, unearned.echo):
                assert list(agent(generated, task, task)) == []


def replayed(environment: KnowledgeGraphEnvironment, task: Task, other: Task) -> float:
    """What the gold of another task, and an answer with the last variable there is, earn in this one."""
    episode = environment.open(task)
    for call in environment.source.problem(other).gold:
        assert not episode.step(call.call()).done
    last = max(0, len(episode.variables) - 1)
    return episode.step(GoldCall("answer", (f"#{last}",)).call()).reward


def test_the_gold_of_another_question_earns_nothing(generated: KnowledgeGraphEnvironment):
    for split in ("train", "test"):
        tasks = generated.tasks(split)
        for number, task in enumerate(tasks):
            other = tasks[(number + 37) % len(tasks)]
            mine, theirs = (generated.source.problem(each) for each in (task, other))
            if not set(mine.entities) & set(theirs.entities):
                assert replayed(generated, task, other) == 0


def test_nothing_that_an_agent_sees_holds_an_answer(generated: KnowledgeGraphEnvironment):
    labels = atlas().labels
    for task in generated.tasks("test")[:66]:
        problem = generated.source.problem(task)
        play = start(generated, task, 0)
        assert play is not None
        while play.advance() is not None:
            pass
        seen = "\n".join(play.observations)
        for answer in problem.answers:
            if "/" in answer and not answer.startswith("subdivision_kind/"):  # its names are common words
                assert answer not in seen
                assert not re.search(rf"\b{re.escape(labels[answer])}\b", seen)


def test_an_agent_that_pokes_about_learns_nothing(generated: KnowledgeGraphEnvironment):
    """Answers, files, classes and programs as names: each is an unknown name."""
    task = generated.tasks("test")[0]
    problem = generated.source.problem(task)
    pokes = [
        *problem.answers,
        *problem.entities.values(),
        "/etc/passwd",
        "__class__",
        "self.problem.answers",
    ]
    pokes += ["(COUNT #0)", "SELECT * WHERE { ?s ?p ?o }", f"{BASE}x", "answer", "#answers"]
    episode = generated.open(task)
    for poke in pokes:
        for tool in ("get_relations", "count", "answer"):
            result = episode.step(ToolCall(name=tool, arguments={"variable": poke}))
            assert result.fault is Fault.BAD_ARGUMENTS
            assert not result.done
    assert episode.variables == []
