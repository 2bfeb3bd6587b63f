"""The seven tools of AgentBench's knowledge graph, and the one that ends a task.

A variable is written `#0`, `#1`, …; where a tool takes a variable, the first two also take an entity that
the question names. The words are ours; names and order of arguments are AgentBench's.
"""

from __future__ import annotations

from trajectune.trajectory import Tool

VARIABLE = "a variable, such as #0"
START = "an entity of the question, or a variable such as #0"


def _tool(name: str, description: str, **arguments: str) -> Tool:
    properties = {key: {"type": "string", "description": words} for key, words in arguments.items()}
    schema = {"type": "object", "properties": properties, "required": list(arguments)}
    return Tool(name=name, description=description, parameters=schema)  # type: ignore[arg-type]


TOOLS = (
    _tool("get_relations", "List the relations that lead on from an entity or a variable.", variable=START),
    _tool(
        "get_neighbors",
        "Make a variable of everything that a relation leads to. List the relations first.",
        variable=START,
        relation="one of the relations that were listed",
    ),
    _tool(
        "intersection",
        "Make a variable of what two variables of the same type have in common.",
        variable1=VARIABLE,
        variable2=VARIABLE,
    ),
    _tool(
        "get_attributes",
        "List the numbers and dates by which the members of a variable can be compared.",
        variable=VARIABLE,
    ),
    _tool(
        "argmax",
        "Make a variable of the members with the largest value of an attribute. List attributes first.",
        variable=VARIABLE,
        attribute="one of the attributes that were listed",
    ),
    _tool(
        "argmin",
        "Make a variable of the members with the smallest value of an attribute. List attributes first.",
        variable=VARIABLE,
        attribute="one of the attributes that were listed",
    ),
    _tool("count", "Make a variable of the number of members of a variable.", variable=VARIABLE),
    _tool("answer", "Commit the variable that answers the question and end the task.", variable=VARIABLE),
)
ARGUMENTS: dict[str, tuple[str, ...]] = {
    tool.name: tuple(tool.parameters["required"])  # type: ignore[arg-type]
    for tool in TOOLS
}
"""Names of the arguments of every tool, in order."""
