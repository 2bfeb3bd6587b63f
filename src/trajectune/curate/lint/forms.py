"""Calls that stand in the text: read by the dialects, and by the two forms that only foreign data has.

The idea: what a dialect writes it also reads, so the dialects are asked one after another, each only
where its own mark stands. Two forms of other people are added: `Action: tool with Action Input: {…}`
(AgentGym), which is ReAct's on one line and is handed to ReAct, and a plain `Action:` with a command
behind it, as `search[…]` (ReAct's first form, FireAct) or in free words (AgentGym's games).

Invariants: `read_call` never raises; a text without any mark is no move in any form.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from trajectune.dialects.agentbench.database import AgentBenchDatabase
from trajectune.dialects.agentbench.household import AgentBenchHousehold
from trajectune.dialects.agentbench.knowledge_graph import ARGUMENTS, AgentBenchKnowledgeGraph
from trajectune.dialects.agentbench.operating_system import AgentBenchOperatingSystem
from trajectune.dialects.agentbench.web_navigation import AgentBenchWebNavigation
from trajectune.dialects.agentbench.web_shop import AgentBenchWebShop
from trajectune.dialects.contract import Reading
from trajectune.dialects.json import Json
from trajectune.dialects.react import ReAct
from trajectune.dialects.single import TextDialect
from trajectune.trajectory import ToolCall

THOUGHT = re.compile(r"^[ \t]*(?:thought|think)\s*:", re.IGNORECASE | re.MULTILINE)
"""What announces a thought in the forms that do."""
_OPENINGS = 256
"""Openings of which it is remembered which grammar they name."""
_ACT = re.compile(r"^[ \t]*(?:action|act)[ \t]*:[ \t]*\n?(.*)", re.IGNORECASE | re.MULTILINE)
_WORD = re.compile(r"[A-Za-z_][\w.\-]*")
_BRACKETED = re.compile(r"\s*([A-Za-z_]\w*)[ \t]*([\[(])(.*)", re.DOTALL)
_OBSERVED = re.compile(r"^[ \t]*observation\b.*", re.IGNORECASE | re.MULTILINE | re.DOTALL)
_ONE_LINE = re.compile(r"^([ \t]*Action:[ \t]*\S+) with (Action Input:)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Form:
    """One way of writing calls as text."""

    name: str
    dialect: TextDialect | None
    """What reads it; `None` for the plain form, which is read here."""
    applies: Callable[[str], bool]
    """Whether the form's mark stands in a text; quick, and true for every text in the form."""
    acts: frozenset[str] = frozenset()
    """What may stand behind `Action:`, in lower case, where the grammar is closed; else empty."""
    ends: frozenset[str] = frozenset()
    """Tools whose call ends the task, where the grammar has any."""


@dataclass(frozen=True, slots=True)
class ReadCall:
    """The move that was read in a text."""

    form: Form
    thought: str
    calls: tuple[ToolCall, ...] = ()
    message: str | None = None


def _both(*marks: str) -> Callable[[str], bool]:
    return lambda text: all(mark in text for mark in marks)


def _is_json(text: str) -> bool:
    return '"calls"' in text or ('"message"' in text and '"thought"' in text)


def _is_choice(text: str) -> bool:
    return "Answer:" in text and ("Thought:" in text or "Action:" in text)


def _is_plain(text: str) -> bool:
    return _ACT.search(text) is not None and THOUGHT.search(text) is not None


def _is_react(text: str) -> bool:
    return "Action Input:" in text or "Final Answer:" in text


PLAIN = Form("plain", None, _is_plain)
FORMS = (
    Form("json", Json(), _is_json),
    Form(
        "database",
        AgentBenchDatabase(),
        _both("Action:"),
        frozenset({"operation", "answer"}),
        frozenset({"answer"}),
    ),
    Form(
        "operating_system",
        AgentBenchOperatingSystem(),
        _both("ct:"),
        frozenset({"bash", "finish", "answer"}),
        frozenset({"finish_action", "answer_action"}),
    ),
    Form("household", AgentBenchHousehold(), _both("ACTION:")),
    Form("web_shop", AgentBenchWebShop(), _both("ction:", "["), frozenset({"search", "click"})),
    Form("web_navigation", AgentBenchWebNavigation(), _is_choice),
    Form(
        "knowledge_graph",
        AgentBenchKnowledgeGraph(),
        lambda text: "Action:" in text or "Answer: #" in text,
        frozenset(ARGUMENTS),
        frozenset({"answer"}),
    ),
    Form("react", ReAct(), _is_react),
    PLAIN,
)
"""The more particular form comes first."""
BY_NAME = {form.name: form for form in FORMS}


def read_call(text: str, first: Form | None = None) -> ReadCall | None:
    """The move in a text, by the first form that reads one; `None` where none does.

    `first` is asked before the others, unless it is the plain one, which reads what the others do.
    """
    order = FORMS if first is None or first is PLAIN else (first, *FORMS)
    for form in order:
        if form.applies(text) and (read := _read(form, text)) is not None:
            return read
    return None


def announced(text: str) -> tuple[str, int, int] | None:
    """The word behind the first `Action:` of a text and where it stands; `None` without one."""
    act = _ACT.search(text)
    word = _WORD.match(act[1].strip()) if act else None
    if act is None or word is None:
        return None
    start = text.index(word[0], act.start(1))
    return word[0], start, start + len(word[0])


@lru_cache(maxsize=_OPENINGS)
def names_acts(form: Form, opening: str) -> bool:
    """Whether an opening names all acts of a form's closed grammar: only then is it meant."""
    words = opening.lower()
    return bool(form.acts) and all(act in words for act in form.acts)


def has_mark(text: str) -> bool:
    """Whether a text announces an action, readable or not."""
    return _ACT.search(text) is not None


def count_acts(text: str) -> int:
    """How many actions a text announces."""
    return len(_ACT.findall(text))


def _read(form: Form, text: str) -> ReadCall | None:
    if form.dialect is None:
        return _read_plain(form, text)
    reading: Reading = form.dialect.parse(_on_two_lines(text) if form.name == "react" else text)
    if form.name == "knowledge_graph" and not _is_function(reading, text):
        return None
    if reading.calls or reading.message is not None:
        return ReadCall(form, reading.thought, reading.calls, reading.message)
    return None


def _is_function(reading: Reading, text: str) -> bool:
    """Whether what reads as a function is one of the graph's, or stands where one of them is asked for."""
    return (
        all(call.name in ARGUMENTS or call.name == "answer" for call in reading.calls) and "```" not in text
    )


def _on_two_lines(text: str) -> str:
    return _ONE_LINE.sub(r"\1\n\2", text) if " with Action Input:" in text else text


def _read_plain(form: Form, text: str) -> ReadCall | None:
    """The command behind `Action:`, down to an observation that the agent made up."""
    act = _ACT.search(text)
    if act is None:
        return None
    command = _OBSERVED.sub("", text[act.start(1) :]).strip()
    if not command:
        return None
    written = _BRACKETED.match(command)
    if written and command.endswith("]" if written[2] == "[" else ")"):
        call = ToolCall(name=written[1], arguments={"input": written[3][:-1].strip()})
    else:
        call = ToolCall(name="", arguments={"command": command})
    return ReadCall(form, THOUGHT.sub("", text[: act.start()], count=1).strip(), (call,))
