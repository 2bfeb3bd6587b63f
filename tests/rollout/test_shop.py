"""Parallel calls, a user's turn, tools by task and in the middle: through every dialect that has words."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from support.guess import Scripted
from support.steps import check_read_back
from support.toys import ORDER, Shop, Staged, call
from trajectune.agents.contract import AgentReply, Conversation
from trajectune.agents.expert import ExpertAgent
from trajectune.dialects.contract import CannotWriteError, Dialect
from trajectune.dialects.conversation import same_move, to_example
from trajectune.dialects.registry import get_dialect
from trajectune.environments.check import check_environment
from trajectune.example import Message
from trajectune.rollout.episode import MAX_TURNS
from trajectune.rollout.rollout import rollout
from trajectune.storage import read_records
from trajectune.trajectory import Fault, Outcome, Reply, ToolCall, Trajectory

JSON, NATIVE, REACT = (get_dialect(name, "shop") for name in ("json", "native", "react"))
DATABASE = get_dialect("agentbench", "database")
STAGED = Staged()
ALL_OFF = {"parallel": False, "talk": False, "late": False, "shown": False}


def only(**features: bool) -> Shop:
    """The shop with these features and no other."""
    return Shop(**{**ALL_OFF, **features})


def run(shop: Shop, agent: Any, dialect: Dialect, path: Path, **options: Any) -> list[Trajectory]:
    rollout(shop, shop.tasks("train"), agent, dialect, path, **options)
    return list(read_records(path, Trajectory))


@pytest.mark.parametrize("shop", [Shop(), only(), *(only(**{feature: True}) for feature in ALL_OFF)])
def test_the_toy_keeps_the_contract(shop: Shop) -> None:
    assert check_environment(shop) == []


def test_the_whole_of_it_is_collected_and_read_back_in_json(tmp_path: Path) -> None:
    rows = run(Shop(), ExpertAgent(Shop()), JSON, tmp_path / "t.jsonl")
    assert [(row.reward, row.outcome) for row in rows] == [(1.0, Outcome.COMPLETED)] * 4
    assert [[tool.name for tool in row.tools] for row in rows] == [["price"], ["stock"]] * 2
    ask, speak, order = rows[0].steps
    assert [action.observation for action in ask.actions] == ["tea: 3", "cake: 4"]
    assert (speak.message, speak.observation) == (
        "tea: 3\n\ncake: 4 Which one: tea or cake?",
        "The tea, please.",
    )
    assert [step.tools for step in (ask, speak, order)] == [[], [ORDER], []]
    assert rows[0].demonstration == Shop().demonstration(Shop().tasks("train")[0])
    for row in rows:
        example = to_example(row, JSON)
        assert "New tools:\n- order" in example.messages[-2].content
        assert "milk" in example.messages[1].content
        for step in row.steps:
            assert same_move(check_read_back(JSON, step), step)


WRITES = {
    "json": (JSON, set(ALL_OFF)),
    "native": (NATIVE, {"parallel", "talk", "shown"}),
    "react": (REACT, {"late", "shown"}),
    "staged": (STAGED, {"shown"}),
}


@pytest.mark.parametrize("feature", ALL_OFF)
@pytest.mark.parametrize("name", WRITES)
def test_each_dialect_writes_what_it_has_words_for_and_refuses_the_rest_by_name(
    tmp_path: Path, name: str, feature: str
) -> None:
    dialect, can = WRITES[name]
    shop = only(**{feature: True})
    if feature not in can:
        with pytest.raises(CannotWriteError, match=f"the dialect '{name}' cannot write this"):
            run(shop, ExpertAgent(shop), dialect, tmp_path / "t.jsonl")
        return
    rows = run(shop, ExpertAgent(shop), dialect, tmp_path / "t.jsonl")
    assert [row.reward for row in rows] == [1.0] * 4
    for row in rows:
        assert to_example(row, dialect).messages[-1].trained
        assert all(same_move(check_read_back(dialect, step), step) for step in row.steps)


@pytest.mark.parametrize("dialect", [NATIVE, REACT, STAGED, DATABASE], ids=lambda d: d.name)
def test_what_was_collected_in_json_is_refused_by_name_where_there_are_no_words(
    tmp_path: Path, dialect: Dialect
) -> None:
    row = run(Shop(), ExpertAgent(Shop()), JSON, tmp_path / "t.jsonl")[0]
    with pytest.raises(CannotWriteError, match=rf"'{dialect.name}' cannot write this: (?s:.*)shop/train-0"):
        to_example(row, dialect)


def test_a_model_sees_tools_and_makes_calls_natively(tmp_path: Path) -> None:
    seen: list[Conversation] = []

    def say(conversation: Conversation) -> AgentReply:
        seen.append(conversation)
        pair = conversation.task.data["pair"]
        spoken = sum(message.role == "assistant" for message in conversation.messages)
        if spoken == 0:
            calls = [call(conversation.task.kind, item) for item in pair]
            return AgentReply("Both.", calls=calls, tokens=(1, 2))
        if spoken == 1:
            return AgentReply(f"Which one: {' or '.join(pair)}?")
        return AgentReply("", calls=[call("order", conversation.task.data["wish"])])

    shop = only(parallel=True, talk=True)
    row = run(shop, Scripted(say), NATIVE, tmp_path / "t.jsonl")[0]
    assert (row.reward, row.dialect) == (1.0, "native")
    assert [tool.name for tool in seen[0].tools] == ["price", "order"]
    assert [message.role for message in seen[2].messages] == [
        "system", "user", "assistant", "tool", "tool", "assistant", "user",
    ]  # fmt: skip
    asked, first, second = seen[1].messages[2:]
    assert [made.id for made in asked.tool_calls] == [first.tool_call_id, second.tool_call_id]
    assert (first.content, second.name) == ("tea: 3", "price")
    example = to_example(row, NATIVE)
    assert [said(m) for m in example.messages[:-1]] == [said(m) for m in seen[2].messages]
    assert example.messages[2].tokens == [1, 2]


def said(message: Message) -> tuple[object, ...]:
    return message.role, message.content, message.tool_calls, message.tool_call_id


def test_good_and_wrong_calls_of_one_move_are_answered_each(tmp_path: Path) -> None:
    calls = [call("price", "tea"), call("fly", "tea"), ToolCall(name="price")]
    shop = only(parallel=True)
    agent = Scripted(lambda _: AgentReply("", calls=calls))
    row = run(shop, agent, NATIVE, tmp_path / "t.jsonl", max_steps=1)[0]
    answers = [(action.fault, action.observation.split(".")[0]) for action in row.steps[0].actions]
    assert answers == [
        (None, "tea: 3"),
        (Fault.UNKNOWN_TOOL, "There is no tool 'fly'"),
        (Fault.BAD_ARGUMENTS, "Wrong arguments for the tool price: 'item' is missing from the arguments"),
    ]
    assert row.outcome is Outcome.STEP_LIMIT, "a move with a good call is no reply without one"


def test_a_tool_is_there_from_the_answer_on_that_brought_it(tmp_path: Path) -> None:
    def say(conversation: Conversation) -> str:
        looked = [
            f'{{"name": "price", "arguments": {{"item": "{i}"}}}}' for i in conversation.task.data["pair"]
        ]
        moves = ['{"name": "order", "arguments": {"item": "tea"}}', ", ".join(looked)]
        moves += ['{"name": "order", "arguments": {"item": "tea"}}']
        spoken = sum(message.role == "assistant" for message in conversation.messages)
        return f'{{"thought": "", "calls": [{moves[spoken]}]}}'

    shop = only(late=True)
    row = run(shop, Scripted(say), JSON, tmp_path / "t.jsonl", bad_format_limit=2)[0]
    assert [step.faults for step in row.steps] == [[Fault.UNKNOWN_TOOL], [], []]
    assert row.reward == 1.0


def test_words_where_nobody_listens_are_bad_format(tmp_path: Path) -> None:
    agent = Scripted(lambda _: AgentReply("Hello?"))
    row = run(only(), agent, NATIVE, tmp_path / "t.jsonl")[0]
    assert (row.outcome, row.steps[0].message) == (Outcome.BAD_FORMAT, "Hello?")
    assert row.steps[0].fault is Fault.BAD_FORMAT
    assert "call a tool" in row.steps[0].observation


def turn_by_turn(conversation: Conversation) -> str:
    """Plays the shop in the staged dialect: thought, tool, arguments."""
    spoken = sum(message.role == "assistant" for message in conversation.messages)
    step, turn = divmod(spoken, 3)
    pair, wish = conversation.task.data["pair"], conversation.task.data["wish"]
    tool = conversation.task.kind if step < 2 else "order"
    return ["I go on.", tool, f'{{"item": "{[*pair, wish][step]}"}}'][turn]


def test_a_dialect_of_several_turns_is_played_collected_and_read_back(tmp_path: Path) -> None:
    seen: list[Conversation] = []

    def say(conversation: Conversation) -> AgentReply:
        seen.append(conversation)
        return AgentReply(turn_by_turn(conversation), tokens=(len(conversation.messages),))

    rows = run(only(), Scripted(say, batch_size=3), STAGED, tmp_path / "t.jsonl")
    assert [row.reward for row in rows] == [1.0] * 4
    row = rows[0]
    assert [len(step.replies) for step in row.steps] == [3, 3, 3]
    assert row.steps[0].replies[1] == Reply(text="price", tokens=[3])
    assert all(same_move(check_read_back(STAGED, step), step) for step in row.steps)
    talks = [conversation.messages for conversation in seen if conversation.task.id == row.task]
    assert all(later[: len(talk)] == talk for talk, later in pairwise(talks)), "a conversation only grows"
    example = to_example(row, STAGED)
    assert [(m.role, m.content) for m in example.messages[:-1]] == [(m.role, m.content) for m in talks[-1]]
    assert [m.tokens for m in example.messages if m.role == "assistant"][:3] == [[1], [3], [5]]


def test_the_experts_conversation_of_several_turns_is_the_models(tmp_path: Path) -> None:
    expert = run(only(), ExpertAgent(only()), STAGED, tmp_path / "e.jsonl")[0]
    model = run(only(), Scripted(turn_by_turn), STAGED, tmp_path / "m.jsonl")[0]
    words = [[(m.role, m.trained) for m in to_example(row, STAGED).messages] for row in (expert, model)]
    assert words[0] == words[1]
    questions = [
        [m.content for m in to_example(row, STAGED).messages if m.role == "user"] for row in (expert, model)
    ]
    assert questions[0] == questions[1]


def test_a_move_that_is_broken_off_is_bad_format_with_all_its_turns(tmp_path: Path) -> None:
    script = ["I go on.", "two words"]
    agent = Scripted(lambda c: script[len(c.messages) // 2])
    row = run(only(), agent, STAGED, tmp_path / "t.jsonl")[0]
    assert row.outcome is Outcome.BAD_FORMAT
    assert [reply.text for reply in row.steps[0].replies] == script


def test_a_dialect_that_never_stops_asking_is_stopped(tmp_path: Path) -> None:
    class Curious(Staged):
        def read(self, replies: Any, key: str = "") -> Any:
            return super().read(replies[:1], key)

    row = run(only(), Scripted(lambda _: "Hm."), Curious(), tmp_path / "t.jsonl")[0]
    assert (row.outcome, len(row.steps[0].replies)) == (Outcome.BAD_FORMAT, MAX_TURNS)
