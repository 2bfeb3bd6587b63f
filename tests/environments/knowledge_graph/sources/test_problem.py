"""Problems and gold calls."""

from __future__ import annotations

import pytest

from support.graphs import problem
from trajectune.environments.knowledge_graph.sources.problem import GoldCall
from trajectune.environments.knowledge_graph.tools import ARGUMENTS, TOOLS
from trajectune.trajectory import ToolCall


def test_a_gold_call_is_a_call():
    made = GoldCall("get_neighbors", ("#0", "a.b"), "whatever").call()
    assert made == ToolCall(name="get_neighbors", arguments={"variable": "#0", "relation": "a.b"})


def test_a_gold_call_has_as_many_arguments_as_its_tool():
    with pytest.raises(ValueError, match="argument"):
        GoldCall("count", ("#0", "#1")).call()


def test_the_text_lists_the_entities():
    assert problem(Crowe="crowe", Pacino="pacino").text == (
        "Question: Which films did Ridley Scott direct?\nEntities: [Ridley Scott, Crowe, Pacino]"
    )


def test_every_tool_has_agentbench_s_name_and_a_description_for_each_argument():
    assert list(ARGUMENTS) == [
        "get_relations", "get_neighbors", "intersection", "get_attributes", "argmax", "argmin", "count",
        "answer",
    ]  # fmt: skip
    for tool in TOOLS:
        properties = tool.parameters["properties"]
        assert isinstance(properties, dict)
        assert tool.description
        assert tuple(properties) == ARGUMENTS[tool.name]
        assert all(isinstance(each, dict) and each["description"] for each in properties.values())
