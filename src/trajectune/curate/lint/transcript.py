"""One view of every row: turns with the moves in them, whether the row has structure or text alone.

The idea: a check should not know formats. A trajectory has its calls, native messages have theirs, and in
text the forms of `forms` are read; here they become the same turns, so that each check is written once.

Invariants: turns stand in the order of the row; `place` is the number of the message (of the step, in a
trajectory) from 1; the form of a text is the one that reads most of its turns, so that a stray word in
conversation makes no call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trajectune.curate.lint.forms import BY_NAME, PLAIN, Form, ReadCall, names_acts, read_call
from trajectune.curate.lint.offers import offered
from trajectune.example import Example, Message, Role
from trajectune.trajectory import Outcome, Step, Tool, ToolCall, Trajectory

NATIVE = "native"
ENDS = frozenset(
    {"answer", "finish", "submit", "finish_action", "answer_action", "final_answer", "commit_final_answer"}
)
"""Names of tools that end a task, in lower case."""


@dataclass(slots=True)
class Turn:
    """One turn of a row."""

    place: int
    role: Role
    text: str
    trained: bool = False
    calls: tuple[ToolCall, ...] = ()
    message: str | None = None
    """Words to the user, where the form has room for them."""
    thought: str = ""
    """What was thought, where the form keeps it apart."""
    form: str = ""
    """The text form in which its move was read; empty where none was, or where it is no text."""
    answers: str = ""
    """On an answer of a tool: the id of its call."""

    @property
    def is_agent(self) -> bool:
        """Whether the agent speaks."""
        return self.role == "assistant"

    @property
    def moves(self) -> bool:
        """Whether the agent does something in it: a call, or words to the user."""
        return bool(self.calls) or self.message is not None


@dataclass(slots=True)
class Transcript:
    """A row as the checks see it."""

    turns: list[Turn]
    form: str
    """`native`, or the text form of its calls; empty where nobody calls anything."""
    tools: Mapping[str, Tool] | None
    """What was offered; `None` where nobody can know."""
    acts: frozenset[str] = frozenset()
    """The words of a closed grammar, in lower case; empty for other forms."""
    ends: frozenset[str] = frozenset()
    """Tools whose call ends the task, of those that are offered."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the row says about itself: rewards and flags."""
    outcome: Outcome | None = None
    """How the episode ended, of a trajectory."""

    @property
    def is_text(self) -> bool:
        """Whether calls stand in the text."""
        return self.form not in ("", NATIVE)

    @property
    def agent(self) -> list[Turn]:
        """The agent's turns."""
        return [turn for turn in self.turns if turn.is_agent]

    def asked(self) -> str:
        """All that was not said by the agent."""
        return "\n".join(turn.text for turn in self.turns if not turn.is_agent)


def of_example(example: Example, hint: Form | None = None) -> Transcript:
    """The view of an example; `hint` is the form that other rows of its file have, to be asked first."""
    messages = example.messages
    turns = [_turn(number, message) for number, message in enumerate(messages, 1)]
    if any(message.tool_calls or message.role == "tool" for message in messages) or example.tools:
        tools = {tool.name: tool for tool in example.tools} or None
        return Transcript(turns, NATIVE, tools, ends=_ends(tools), facts=example.metadata)
    form = _read_text(turns, hint)
    if form is None:
        return Transcript(turns, "", None, facts=example.metadata)
    opening = _opening(messages)
    tools = {tool.name: tool for tool in offered(opening)} or None
    acts, ends = (form.acts, form.ends) if names_acts(form, opening) else (frozenset(), _ends(tools))
    return Transcript(turns, form.name, tools, acts, ends, example.metadata)


def of_trajectory(trajectory: Trajectory) -> Transcript:
    """The view of a trajectory; places are numbers of steps, its demonstration is left out."""
    tools = {tool.name: tool for tool in trajectory.tools}
    turns = [Turn(1, "user", trajectory.observation)]
    for number, step in enumerate(trajectory.steps, 1):
        turns += _turns_of(number, step)
        tools |= {tool.name: tool for tool in step.tools}
    facts = {**trajectory.metadata, "reward": trajectory.reward}
    return Transcript(
        turns, NATIVE, tools or None, ends=_ends(tools), facts=facts, outcome=trajectory.outcome
    )


def _turn(place: int, message: Message) -> Turn:
    turn = Turn(
        place,
        message.role,
        message.content,
        message.trained,
        tuple(message.tool_calls),
        thought=message.reasoning,
        answers=message.tool_call_id,
    )
    if message.role == "assistant" and not message.tool_calls and message.content.strip():
        turn.message = message.content
    return turn


def _turns_of(number: int, step: Step) -> Iterator[Turn]:
    trained = step.trained and not step.faults
    yield Turn(number, "assistant", step.words, trained, tuple(step.calls), step.message, step.thought)
    for action in step.actions:
        yield Turn(number, "tool", action.observation)
    if step.observation:
        yield Turn(number, "user", step.observation)


def _ends(tools: Mapping[str, Tool] | None) -> frozenset[str]:
    return frozenset(name for name in tools or () if name.lower() in ENDS)


def _opening(messages: Sequence[Message]) -> str:
    """What was said before the agent spoke."""
    said: list[str] = []
    for message in messages:
        if message.role == "assistant":
            break
        said.append(message.content)
    return "\n".join(said)


def _read_text(turns: Sequence[Turn], hint: Form | None) -> Form | None:
    """Read the calls of all turns into them; the form that reads most, `None` where none reads any."""
    read: dict[int, ReadCall] = {}
    for number, turn in enumerate(turns):
        if turn.is_agent and (found := read_call(turn.text, hint)) is not None:
            read[number] = found
            hint = found.form
    if not read:
        return None
    for number, turn in enumerate(turns):
        if turn.is_agent:
            found = read.get(number)
            turn.calls = found.calls if found else ()
            turn.message = found.message if found else None
            turn.thought = found.thought if found else turn.text
            turn.form = found.form.name if found else ""
    votes = Counter(found.form.name for found in read.values())
    return BY_NAME[max(votes, key=lambda name: (votes[name], name != PLAIN.name))]
