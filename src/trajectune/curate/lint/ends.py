"""Faults of how a row ends: it failed, it is cut short, or its last turn is not learnt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from trajectune.curate.lint.finding import DataFault, Finding, found
from trajectune.curate.lint.forms import announced
from trajectune.curate.lint.moves import is_cut
from trajectune.curate.lint.transcript import NATIVE, Transcript, Turn
from trajectune.trajectory import Outcome

REWARD = 0.66
"""The reward from which an episode is no failure: two thirds, AgentTuning's lowest, rounded or not."""
_REWARDS = frozenset({"reward", "score", "final_reward", "total_reward", "task_reward"})
_FLAGS = frozenset(
    {"success", "succeeded", "is_success", "solved", "won", "win", "passed", "correct", "is_correct"}
)
_VERDICT = re.compile(
    r"\breward[ \t]*(?:is|=|:)[ \t]*(?P<reward>-?\d+(?:\.\d+)?|true|false)\b"
    r"|\b(?:task|episode) (?:has )?failed\b|\byou (?:have )?failed\b|\byou lost\b|\bgame over\b",
    re.IGNORECASE,
)
_OVER = re.compile(
    r"\b(?:episode|task|game) (?:is |has )?(?:been )?(?:finished|completed?|done|over|ended)\b"
    r"|\breward\b|\byou won\b",
    re.IGNORECASE,
)
"""What an environment says last: after it no turn of the agent is missing."""
_ERROR = re.compile(
    r"(?:observation:\s*)?(?:\d{4} \(\w{5}\):|error\b|traceback \(most recent|no such (?:table|column)\b"
    r"|near \".*\": syntax error|.{0,80}\bcannot be executed\b)",
    re.IGNORECASE,
)
"""How a tool says that a call went wrong: MySQL's codes, SQLite's words, Python's, AgentBench's."""
_GIVES_UP = re.compile(r"\bgive[_ ]up(?:_and_restart)?\b", re.IGNORECASE)
_CUT_REASONS = frozenset({"length", "max_tokens", "max_new_tokens"})
_PROSE = 200
"""Characters from which words to the user must end as sentences do."""


def failures(row: Transcript) -> Iterator[Finding]:
    """Trained demonstrations of which the row itself says that they failed."""
    trained = [turn for turn in row.agent if turn.trained]
    if not trained:
        return
    last = row.turns[-1]
    for why in (_by_facts(row.facts), _by_outcome(row)):
        if why:
            yield found(DataFault.FAILED, last.place, why)
            return
    yield from _by_words(row, trained[-1])


def truncations(row: Transcript) -> Iterator[Finding]:
    """A row whose end is missing."""
    if not row.turns or not row.agent:
        return
    if row.outcome is not None and row.outcome in (Outcome.STEP_LIMIT, Outcome.CONTEXT_LIMIT):
        why = f"the episode ended by {row.outcome.value}"
        yield found(DataFault.TRUNCATED, row.turns[-1].place, why)
    elif str(row.facts.get("finish_reason", "")) in _CUT_REASONS:
        why = f"finish_reason is {row.facts['finish_reason']}"
        yield found(DataFault.TRUNCATED, row.turns[-1].place, why)
    elif row.outcome is None:
        yield from _cut_conversation(row)


def untrained_ends(row: Transcript) -> Iterator[Finding]:
    """A row that is trained, but not in the agent's last turn."""
    agent = row.agent
    if agent and not agent[-1].trained and any(turn.trained for turn in agent):
        why = "the agent's last turn is not trained, earlier ones are"
        yield found(DataFault.UNTRAINED_END, agent[-1].place, why, agent[-1].text)


def _by_facts(facts: Mapping[str, Any]) -> str:
    for key, value in facts.items():
        name = str(key).lower()
        if name in _FLAGS and (value is False or (isinstance(value, int | float) and value == 0)):
            return f"{key} is {value}"
        if name in _REWARDS and isinstance(value, int | float) and value < REWARD:
            return f"{key} is {value:g}, below {REWARD}"
    return ""


def _by_outcome(row: Transcript) -> str:
    """An episode that ended by a mistake; limits are `truncated`."""
    wrong = (Outcome.BAD_FORMAT, Outcome.BAD_ACTION, Outcome.ENVIRONMENT_ERROR, Outcome.AGENT_ERROR)
    outcome = row.outcome
    return f"the episode ended by {outcome.value}" if outcome is not None and outcome in wrong else ""


def _by_words(row: Transcript, last: Turn) -> Iterator[Finding]:
    """What the environment said last, and an agent that gives up in its last call."""
    said = next((turn for turn in reversed(row.turns) if not turn.is_agent), None)
    verdicts = list(_VERDICT.finditer(said.text)) if said is not None and row.form else []
    if said is not None and verdicts and said.place > 1 and _failed(verdicts[-1]):
        why = "the last observation says that it failed"
        yield found(DataFault.FAILED, said.place, why, said.text, verdicts[-1].start(), verdicts[-1].end())
        return
    if said is not None and row.ends and _ERROR.match(said.text) and _is_end(row, last):
        yield found(DataFault.FAILED, said.place, "the agent ends the task upon an error", said.text)
        return
    for call in last.calls:
        given = next(
            (v for v in call.arguments.values() if isinstance(v, str) and _GIVES_UP.fullmatch(v)), ""
        )
        if given:
            yield found(
                DataFault.FAILED, last.place, f"the agent gives up: {given}", f"{call.name} {given}"
            )


def _is_end(row: Transcript, last: Turn) -> bool:
    return last is row.turns[-1] and any(call.name in row.ends for call in last.calls)


def _failed(verdict: re.Match[str]) -> bool:
    value = verdict["reward"]
    if value is None:
        return True
    return value.lower() == "false" if value.lower() in ("true", "false") else float(value) < REWARD


def _cut_conversation(row: Transcript) -> Iterator[Finding]:
    last = row.turns[-1]
    if not last.is_agent:
        if not (row.form and (_OVER.search(last.text) or _VERDICT.search(last.text))):
            yield found(
                DataFault.TRUNCATED, last.place, f"it ends with a turn of the {last.role}", last.text
            )
    elif why := _cut_turn(row, last):
        yield found(DataFault.TRUNCATED, last.place, why, last.text, max(0, len(last.text) - 80))


def _cut_turn(row: Transcript, last: Turn) -> str:
    """Why the agent's last turn cannot be the end; empty where it can."""
    if last.calls:
        return _open_end(row, last)
    if last.text.count("```") % 2:
        return "a block of code is not closed"
    word = announced(last.text)
    if row.acts and word is not None and word[0].lower() not in row.acts:
        return ""  # an act that there is not: see `calls`
    if row.is_text and not last.moves and (is_cut(last.text) or row.acts or row.form == "json"):
        return "the last turn breaks off before its action can be read"
    if _is_cut_thought(row, last):
        return "the last turn breaks off before its call"
    return "the last sentence breaks off" if _is_cut_prose(last.text) else ""


def _open_end(row: Transcript, last: Turn) -> str:
    """A last call that does not end the task, where one could."""
    if row.is_text and last.form != row.form:
        return ""  # it cannot be read well enough to say
    if row.tools is not None and any(call.name not in row.tools for call in last.calls):
        return ""  # nobody knows what an unknown tool would have done
    if row.ends and not any(call.name in row.ends for call in last.calls):
        return f"the last call is not {' or '.join(sorted(row.ends))}, which ends the task"
    talks = any(
        a.message is not None and a.text.strip() and b.role == "user" for a, b in pairwise(row.turns)
    )
    if row.form == NATIVE and talks and not row.ends:
        return "it ends with a call that nobody answers"
    return ""


def _is_cut_thought(row: Transcript, last: Turn) -> bool:
    """Whether an agent that only ever called tools ends with a piece of a sentence."""
    others = [turn for turn in row.agent if turn is not last]
    acts = row.form == NATIVE and bool(others) and all(turn.calls for turn in others)
    return acts and is_cut(last.text)


def _is_cut_prose(text: str) -> bool:
    """Whether words of some length end within a sentence. Lists, code and links end without a mark."""
    line = text.rstrip().rpartition("\n")[2]
    if len(text) < _PROSE or len(line) < _PROSE // 2 or not line[0].isalpha() or "http" in line[-80:]:
        return False
    return line[-1] in ",;" or (line[-1].isalpha() and line[-1].islower() and line.count(". ") >= 2)
