"""Questions from JSON: AgentBench's rows and anyone's; what cannot be used is rejected with its number."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from support.graphs import BASE, films
from trajectune.environments.knowledge_graph.graph.store import EmbeddedGraph
from trajectune.environments.knowledge_graph.graph.vocabulary import Vocabulary, freebase
from trajectune.environments.knowledge_graph.sources.problem import GoldCall
from trajectune.environments.knowledge_graph.sources.questions import (
    UNUSABLE,
    FileSource,
    questions,
    read_problem,
    rows,
)
from trajectune.errors import DataError
from trajectune.storage import Rejected

GOOD: dict[str, Any] = {
    "question": "Which films did Ridley Scott direct?",
    "entities": {"Ridley Scott": "scott"},
    "answers": ["alien", f"{BASE}gladiator"],
}
ACTIONS = ["get_relations(scott)", "get_neighbors(scott, directed)"]


def source(tmp_path: Path, *listed: object) -> tuple[FileSource, list[Rejected]]:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(listed), encoding="utf-8")
    rejected: list[Rejected] = []
    return questions(file, films(), "dev", rejected), rejected


def test_questions_are_tasks_of_their_split(tmp_path: Path):
    found, rejected = source(tmp_path, GOOD, GOOD | {"kind": "films", "qid": "q7"})
    assert [(task.id, task.split, task.kind) for task in found.tasks("dev")] == [
        ("mine-1", "dev", "question"),
        ("mine-2-q7", "dev", "films"),
    ]
    assert found.tasks("train") == []
    assert rejected == []
    problem = found.problem(found.tasks("dev")[0])
    assert problem.answers == {"alien", "gladiator"}
    assert problem.entities == {"Ridley Scott": f"{BASE}scott"}
    assert problem.gold == ()


def test_gold_calls_name_entities_as_the_question_does(tmp_path: Path):
    found, _ = source(tmp_path, GOOD | {"actions": ACTIONS})
    assert found.problem(found.tasks("dev")[0]).gold == (
        GoldCall("get_relations", ("Ridley Scott",)),
        GoldCall("get_neighbors", ("Ridley Scott", "directed")),
    )


@pytest.mark.parametrize("gold", [{"actions": ACTIONS}, {"s_expression": "(JOIN (R directed) scott)"}])
def test_the_graph_answers_where_a_row_does_not(tmp_path: Path, gold: dict[str, Any]):
    row = {key: GOOD[key] for key in ("question", "entities")} | gold
    found, rejected = source(tmp_path, row)
    assert rejected == []
    assert found.problem(found.tasks("dev")[0]).answers == {"alien", "gladiator"}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"question": ""}, "0 characters"),
        ({"question": None}, "expected a text"),
        ({"question": "x" * 5_000}, "5000 characters"),
        ({"entities": {}}, "no entity"),
        ({"entities": []}, "AttributeError"),
        ({"entities": {"#0": "scott"}}, "not a name of an entity"),
        ({"entities": {"A": "a> } #"}}, "not an identifier"),
        ({"entities": {"A": 7}}, "expected a text"),
        ({"answers": []}, "no answer"),
        ({"answers": [1]}, "expected a text"),
        ({"answers": None, "answer": [{"entity_name": "x"}]}, "KeyError"),
        ({"actions": ["fly(scott)"]}, "not a call of a tool"),
        ({"actions": ["get_neighbors(scott)"]}, "not a call of a tool"),
        ({"actions": [None]}, "expected a text"),
        ({"answers": [], "s_expression": "(JOIN"}, "without its end"),
        ({"answers": [], "s_expression": "(JOIN (R wrote) scott)"}, "no answer"),
        ({"answers": [], "s_expression": "(JOIN (R a<b) scott)"}, "not an identifier"),
    ],
)
def test_bad_rows_are_rejected_with_number_and_reason(tmp_path: Path, change: dict[str, Any], why: str):
    found, rejected = source(tmp_path, GOOD, GOOD | change)
    assert len(found.tasks("dev")) == 1
    assert [row.line for row in rejected] == [2]
    assert why in rejected[0].reason


@pytest.mark.parametrize("row", [None, 7, "x", [], {}])
def test_rows_of_any_kind_are_rejected(tmp_path: Path, row: object):
    _, rejected = source(tmp_path, row, GOOD)
    assert [each.line for each in rejected] == [1]


def test_a_thing_without_a_name_goes_by_its_identifier(tmp_path: Path):
    found, _ = source(tmp_path, GOOD | {"entities": {"": "scott"}})
    assert found.problem(found.tasks("dev")[0]).entities == {"scott": f"{BASE}scott"}


@pytest.mark.parametrize(
    ("content", "said"), [("{}", "Not a list"), ("[]", "No question"), ("[1]", "No question")]
)
def test_a_file_without_questions_is_an_error(
    tmp_path: Path, graph: EmbeddedGraph, content: str, said: str
):
    file = tmp_path / "q.json"
    file.write_text(content)
    with pytest.raises(DataError, match=said):
        questions(file, graph, "test", [])


def test_whole_iris_need_no_base():
    row = GOOD | {"entities": {"A": "http://x/a"}, "answers": ["http://x/b", "text"]}
    problem = read_problem(row, Vocabulary())
    assert problem.entities == {"A": "http://x/a"}
    assert problem.answers == {"http://x/b", "text"}


def test_agentbench_s_questions_are_read(shared_data: Path):
    vocabulary = freebase()
    tools: Counter[str] = Counter()
    for name, whole in (("dev", 20), ("train", 1_214)):
        listed = rows(shared_data / "agentbench" / "knowledgegraph" / f"{name}.json")
        assert len(listed) == whole
        for row in listed:
            problem = read_problem(row, vocabulary)
            assert problem.answers
            assert problem.kind in ("grailqa", "cwq", "graphquestions", "webqsp")
            assert all(not answer.startswith("http") for answer in problem.answers)
            tools.update(call.tool for call in problem.gold)
    assert tools["get_neighbors"] == tools["get_relations"] == 3_367
    assert (tools["argmax"], tools["argmin"], tools["count"]) == (209, 65, 199)


def test_what_a_bad_row_raises_is_known():
    for row in ({}, {"question": "?"}, {"question": "?", "entities": {"a": None}}):
        with pytest.raises(UNUSABLE):
            read_problem(row, Vocabulary())
