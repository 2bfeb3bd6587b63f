"""An episode answers every call: lists, variables, complaints, and F1 at the end."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.graphs import BASE, VOCABULARY, problem
from trajectune.environments.contract import MAX_OBSERVATION_CHARS, StepResult
from trajectune.environments.knowledge_graph.episode import MAX_SIZE, KnowledgeGraphEpisode
from trajectune.environments.knowledge_graph.graph.store import (
    EmbeddedGraph,
    Graph,
    HeavyQueryError,
    embedded,
)
from trajectune.environments.knowledge_graph.graph.terms import Term
from trajectune.environments.knowledge_graph.scoring import NOTHING, Scores
from trajectune.environments.knowledge_graph.tools import ARGUMENTS, TOOLS
from trajectune.trajectory import Fault, ToolCall


def call(episode: KnowledgeGraphEpisode, tool: str, *arguments: object) -> StepResult:
    named = dict(zip(ARGUMENTS[tool], arguments, strict=True))
    return episode.step(ToolCall.model_validate({"name": tool, "arguments": named}))


@pytest.fixture
def episode(graph: EmbeddedGraph) -> KnowledgeGraphEpisode:
    return KnowledgeGraphEpisode(graph, problem(Crowe="crowe", Pacino="pacino"))


def test_the_problem_names_its_entities(episode: KnowledgeGraphEpisode):
    assert episode.observation == (
        "Question: Which films did Ridley Scott direct?\nEntities: [Ridley Scott, Crowe, Pacino]"
    )


def test_a_whole_way(episode: KnowledgeGraphEpisode):
    assert call(episode, "get_relations", "Crowe").observation == "[acted_in]"
    made = call(episode, "get_neighbors", "Crowe", "acted_in")
    assert made.observation == "variable #0, which are instances of film"
    call(episode, "get_relations", "Pacino")
    call(episode, "get_neighbors", "Pacino", "acted_in")
    made = call(episode, "intersection", "#0", "#1")
    assert made.observation == "variable #2, which are instances of film"
    assert call(episode, "get_relations", "#2").observation == "[directed_by, starred, tagline]"
    assert call(episode, "get_attributes", "#1").observation == "[minutes, year]"
    made = call(episode, "argmax", "#1", "year")
    assert made.observation == "variable #3, which are instances of film"
    assert call(episode, "count", "#1").observation == "variable #4, which is a number"
    assert call(episode, "answer", "#3") == StepResult("", done=True, reward=0.0)
    assert episode.scores == Scores(0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("answers", "reward"),
    [
        ({"alien", "gladiator"}, 1.0),
        ({"alien"}, 2 / 3),
        ({"alien", "gladiator", "heat", "taxi"}, 2 / 3),
        ({"heat"}, 0.0),
    ],
)
def test_the_reward_is_f1(graph: EmbeddedGraph, answers: set[str], reward: float):
    episode = KnowledgeGraphEpisode(graph, problem(answers=frozenset(answers)))
    call(episode, "get_relations", "Ridley Scott")
    call(episode, "get_neighbors", "Ridley Scott", "directed")
    result = call(episode, "answer", "#0")
    assert (result.done, result.reward) == (True, pytest.approx(reward))
    assert episode.scores.exact_match == float(reward == 1)
    assert call(episode, "answer", "#0") == result
    assert call(episode, "get_relations", "Ridley Scott") == result


def test_an_episode_without_an_answer_has_no_scores(episode: KnowledgeGraphEpisode):
    call(episode, "get_relations", "Crowe")
    episode.close()
    episode.close()
    assert episode.scores == NOTHING


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("get_relations", ["Nobody"], "neither an entity of the question (Ridley Scott, Crowe, Pacino)"),
        ("get_relations", ["scott"], "neither an entity"),
        ("get_relations", [f"{BASE}scott"], "neither an entity"),
        ("get_relations", ["#99"], "There is no variable #99; there is none yet."),
        ("get_relations", ["#-1"], "neither an entity"),
        ("get_relations", [""], "neither an entity"),
        ("get_neighbors", ["Crowe", "acted_in"], "Call get_relations(Crowe) first"),
        ("intersection", ["Crowe", "Pacino"], "Crowe is no variable"),
        ("intersection", ["#0", "#1"], "There is no variable #0"),
        ("get_attributes", ["Crowe"], "Crowe is no variable"),
        ("argmax", ["#0", "year"], "There is no variable #0"),
        ("count", ["Crowe"], "Crowe is no variable"),
        ("answer", ["Crowe"], "Crowe is no variable"),
        ("answer", ["alien"], "alien is no variable"),
        ("answer", ["#0"], "There is no variable #0"),
    ],
)
def test_wrong_calls_are_told_what_is_wrong(
    episode: KnowledgeGraphEpisode, tool: str, arguments: list[str], said: str
):
    result = call(episode, tool, *arguments)
    assert said in result.observation
    assert (result.fault, result.done) == (Fault.BAD_ARGUMENTS, False)


@pytest.fixture
def begun(episode: KnowledgeGraphEpisode) -> KnowledgeGraphEpisode:
    """`#0` films, `#1` people, `#2` a number."""
    call(episode, "get_relations", "Crowe")
    call(episode, "get_neighbors", "Crowe", "acted_in")
    call(episode, "get_relations", "#0")
    call(episode, "get_neighbors", "#0", "directed_by")
    call(episode, "count", "#0")
    return episode


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("get_neighbors", ["#0", "acted_in"], "acted_in is no relation of #0"),
        ("get_neighbors", ["#0", "year"], "year is no relation of #0"),
        ("get_neighbors", ["#1", "directed"], "Call get_relations(#1) first"),
        ("get_neighbors", ["#0", f"{BASE}starred"], "is no relation of #0"),
        ("intersection", ["#0", "#1"], "#0 holds instances of film, #1 of person"),
        ("intersection", ["#2", "#2"], "of number"),
        ("argmax", ["#0", "year"], "Call get_attributes(#0) first"),
        ("get_relations", ["#2"], "#2 is a number"),
        ("get_attributes", ["#2"], "#2 is a number"),
        ("count", ["#2"], "#2 is a number"),
        ("get_relations", ["#3"], "There is no variable #3; the last one is #2."),
    ],
)
def test_what_does_not_fit_is_told(
    begun: KnowledgeGraphEpisode, tool: str, arguments: list[str], said: str
):
    result = call(begun, tool, *arguments)
    assert said in result.observation
    assert result.fault is Fault.BAD_ARGUMENTS
    assert len(begun.variables) == 3


def test_an_attribute_must_have_been_listed(begun: KnowledgeGraphEpisode):
    call(begun, "get_attributes", "#0")
    assert "acted_in is no attribute of #0" in call(begun, "argmin", "#0", "acted_in").observation
    assert call(begun, "argmin", "#0", "year").fault is None


def test_variables_are_written_as_agentbench_tells_them(begun: KnowledgeGraphEpisode):
    assert call(begun, "get_relations", " variable #1 ").observation == "[directed]"
    assert call(begun, "get_relations", "Variable #1").fault is None
    assert call(begun, "count", "variable #1").observation == "variable #3, which is a number"


def test_the_same_call_again_is_a_repetition_and_makes_a_variable_as_in_agentbench(
    begun: KnowledgeGraphEpisode,
):
    again = call(begun, "get_relations", "Crowe")
    assert (again.observation, again.fault) == ("[acted_in]", Fault.REPETITION)
    again = call(begun, "get_neighbors", "Crowe", "acted_in")
    assert again.observation == "variable #3, which are instances of film"
    assert again.fault is Fault.REPETITION
    assert begun.variables[3] == begun.variables[0]


def test_an_empty_variable_is_a_variable(graph: EmbeddedGraph):
    episode = KnowledgeGraphEpisode(graph, problem(Crowe="crowe", Weaver="weaver"))
    for name in ("Crowe", "Weaver"):
        call(episode, "get_relations", name)
        call(episode, "get_neighbors", name, "acted_in")
    call(episode, "intersection", "#0", "#1")
    assert call(episode, "get_relations", "#2").observation == "[]"
    assert call(episode, "answer", "#2").reward == 0
    assert episode.scores.executability == 0


def test_programs_are_bounded(begun: KnowledgeGraphEpisode):
    results = [call(begun, "intersection", "#0", "#0")]
    while results[-1].fault is not Fault.BAD_ARGUMENTS and len(results) < 60:
        last = f"#{len(begun.variables) - 1}"
        results.append(call(begun, "intersection", last, last))
    assert "too many steps" in results[-1].observation
    assert len(begun.variables) < MAX_SIZE


HOSTILE = [
    '"',
    "'",
    "}",
    "{ ?s ?p ?o }",
    "<http://films.test/scott>",
    "> } ; DROP ALL #",
    "a\nb\r\n#0",
    "\x00\x1b[2J",
    "#99999999999999999999",
    "# 0",
    "#0 #1",
    "\ud800",
    "x" * 100_000,
    "#" * 50_000,
    "Ridley Scott> <http://films.test/directed> ?x } #",
    "){}[]\\",
    "directed|starred",
    "^directed",
    "directed/starred",
    "!directed",
    "٣#٣",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("tool", [tool.name for tool in TOOLS])
def test_hostile_names_are_only_unknown_names(graph: EmbeddedGraph, tool: str, text: str):
    asked: list[str] = []

    class Watched(Graph):
        def select(self, query: str) -> tuple[Term, ...]:
            asked.append(query)
            return graph.select(query)

    episode = KnowledgeGraphEpisode(Watched(VOCABULARY), problem())
    call(episode, "get_relations", "Ridley Scott")
    call(episode, "get_neighbors", "Ridley Scott", "directed")
    call(episode, "get_relations", "#0")
    call(episode, "get_attributes", "#0")
    before = len(asked)
    for place in range(len(ARGUMENTS[tool])):
        arguments = ["#0"] * len(ARGUMENTS[tool])
        arguments[place] = text
        result = call(episode, tool, *arguments)
        assert result.fault is Fault.BAD_ARGUMENTS
        assert not result.done
        assert len(result.observation) < 500
        assert "\n" not in result.observation
    assert len(asked) == before, "the graph was asked about what an agent wrote"


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["#0", "Ridley Scott"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([*ARGUMENTS, "union", ""]),
    st.dictionaries(st.sampled_from(["variable", "relation", "variable1", "variable2", "x"]), anything),
)
@example("answer", {"variable": None})
def test_any_call_is_answered_and_earns_nothing(graph: EmbeddedGraph, name: str, arguments: dict):
    episode = KnowledgeGraphEpisode(graph, problem())
    result = episode.step(ToolCall(name=name, arguments=arguments))
    assert (result.done, result.reward) == (False, 0.0)
    assert result.observation
    assert result.fault or name == "get_relations"


def test_unknown_tools_are_told_the_known(episode: KnowledgeGraphEpisode):
    result = episode.step(ToolCall(name="union" * 100))
    assert result.fault is Fault.UNKNOWN_TOOL
    assert "get_relations" in result.observation
    assert len(result.observation) < 300


def test_observations_are_bounded_and_cut_lists_say_so():
    lines = "".join(
        f"<{BASE}a> <{BASE}very.long.name_of_a_relation_{n}> <{BASE}b{n}> .\n"
        f'<{BASE}b0> <{BASE}some.attribute_{n}> "{n}"^^<http://www.w3.org/2001/XMLSchema#integer> .\n'
        for n in range(2_000)
    )
    graph = embedded(lines.encode(), VOCABULARY)
    episode = KnowledgeGraphEpisode(graph, problem(A="a"))
    seen = call(episode, "get_relations", "A").observation
    assert len(seen) <= MAX_OBSERVATION_CHARS
    assert seen.endswith("more relations)")
    call(episode, "get_neighbors", "A", "very.long.name_of_a_relation_1999")
    assert len(episode.variables) == 1, "what was cut may be followed all the same"
    call(episode, "get_neighbors", "A", "very.long.name_of_a_relation_0")
    assert call(episode, "get_attributes", "#1").observation.endswith("more attributes)")


def test_what_is_too_heavy_is_the_agents_fault():
    class Heavy(Graph):
        def select(self, query: str) -> tuple[Term, ...]:
            raise HeavyQueryError(f"no answer within 1 s to {query}")

    episode = KnowledgeGraphEpisode(Heavy(VOCABULARY), problem())
    result = call(episode, "get_relations", "Ridley Scott")
    assert result.fault is Fault.BAD_ARGUMENTS
    assert "Narrow it down" in result.observation


def test_episodes_share_no_variables(graph: EmbeddedGraph):
    one, two = (KnowledgeGraphEpisode(graph, problem()) for _ in range(2))
    call(one, "get_relations", "Ridley Scott")
    call(one, "get_neighbors", "Ridley Scott", "directed")
    assert "Call get_relations" in call(two, "get_neighbors", "Ridley Scott", "directed").observation
    assert "no variable #0" in call(two, "count", "#0").observation
