"""The `agentbench` dialect of the operating_system environment: a thought, an act, a block of bash.

The grammar is the one of AgentBench's OS task as AgentTuning evaluated it (AgentBench.old), in which
AgentInstruct's `os` split is written:

    Think: <thought>        Think: <thought>       Think: <thought>

    Act: bash               Act: finish            Act: answer(42)

    ```bash
    ls /etc
    ```

As there, the last act of a reply counts, and all its bash blocks are run as one script, a blank line
apart. An answer runs from the first bracket to the last of its line, as there. What is refused here and
not there: an act of another name behind a valid one, and a script that cannot be written in a block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

from trajectune.dialects.contract import Opening, Reading
from trajectune.dialects.single import TextDialect
from trajectune.dialects.text import Markers, no_move, only_call
from trajectune.example import Message, Span
from trajectune.trajectory import Step, Tool, ToolCall

_ACT = r"Act:[ \t]*(?:bash|finish|answer)\b"
_ANCHORED = re.compile(r"^[ \t]*Act:[ \t]*(bash|finish|answer)\b(.*)", re.MULTILINE | re.IGNORECASE)
_ANYWHERE = re.compile(r"Act:[ \t]*(bash|finish|answer)\b(.*)", re.IGNORECASE)
_THOUGHT = re.compile(r"\s*Think:[ ]?")
_FENCE = re.compile(r"^[ \t]*```(?:bash|sh|shell)[ \t\r]*\n", re.MULTILINE | re.IGNORECASE)
_FENCE_END = re.compile(r"\n[ \t]*```")
_MARKERS = Markers(rf"```|{_ACT}", re.IGNORECASE)

_FORMAT = """\
In each turn first think, and then take exactly one of three acts. Write one of these three forms.

To run a script, write your thought, the act, and the script in a block:
Think: what you want to find out or change

Act: bash

```bash
ls /etc
```

When the change that was asked for is made, write:
Think: why nothing is left to do

Act: finish

When you know the answer to the question, write it between the brackets:
Think: how you know it

Act: answer(42)

A turn in none of these forms is counted as a mistake."""

_HELP = (
    "No act could be read. Write 'Act: bash' with a block that begins with ```bash, or 'Act: finish', or "
    "'Act: answer(your answer)'."
)
_PROBLEM = "Here is a machine, and this is the problem:\n\n{}"
_NEXT = "That problem is done. Here is another machine, and a new problem:\n\n{}"


class AgentBenchOperatingSystem(TextDialect):
    """Tools `bash_action(script)`, `finish_action()`, `answer_action(answer)` as AgentBench's OS task."""

    name: ClassVar[str] = "agentbench"

    def instruct(self, instruction: str, tools: Sequence[Tool]) -> str:
        del tools  # the grammar has room for these three alone, and names them itself
        return f"{instruction}\n\n{_FORMAT}"

    def open(self, opening: Opening) -> list[Message]:
        """The problem is announced, and told from the one that was shown."""
        shown = opening.demonstration
        if shown is None:
            return super().open(replace(opening, observation=_PROBLEM.format(opening.observation)))
        shown = shown.model_copy(update={"observation": _PROBLEM.format(shown.observation)})
        problem = _NEXT.format(opening.observation)
        return super().open(replace(opening, observation=problem, demonstration=shown))

    def render(self, step: Step) -> list[Span]:
        thought, call = step.thought, only_call(step)
        spans = [Span.marker("Think: "), Span.thought(_MARKERS.quote(thought))] if thought else []
        spans.append(Span.marker("\n\nAct: " if thought else "Act: "))
        return spans + _render_call(call)

    def parse(self, reply: str) -> Reading:
        acts = list(_ANCHORED.finditer(reply)) or list(_ANYWHERE.finditer(reply))
        blocks = list(_blocks(reply))
        call = next((call for act in reversed(acts) if (call := _read(act, blocks))), None)
        if call is None:
            thought = _thought(reply[: acts[0].start()] if acts else reply)
            return no_move(reply, thought, _HELP)
        return Reading(_thought(reply[: acts[0].start()]), (call,))


def _render_call(call: ToolCall) -> list[Span]:
    match call.name, call.arguments:
        case "bash_action", {"script": str(script), **rest} if not rest:
            return [
                Span.tool("bash"),
                Span.marker("\n\n```bash\n"),
                Span.arguments(_MARKERS.quote(script)),
                Span.marker("\n```"),
            ]
        case "finish_action", arguments if not arguments:
            return [Span.tool("finish")]
        case "answer_action", {"answer": str(answer), **rest} if not rest:
            if "\n" in answer:
                raise ValueError("an answer of several lines")
            return [Span.tool("answer"), Span.marker("("), Span.arguments(answer), Span.marker(")")]
    raise ValueError(
        "the agentbench operating_system dialect writes bash_action(script), finish_action() and "
        f"answer_action(answer: one line), not {call}"
    )


def _read(act: re.Match[str], blocks: list[str]) -> ToolCall | None:
    """The call of one act; `None` where it lacks its block or its brackets."""
    name, rest = act[1].lower(), act[2]
    if name == "finish":
        return ToolCall(name="finish_action")
    if name == "answer":
        begin, end = rest.find("("), rest.rfind(")")
        return (
            ToolCall(name="answer_action", arguments={"answer": rest[begin + 1 : end]})
            if 0 <= begin < end
            else None
        )
    return ToolCall(name="bash_action", arguments={"script": "\n\n".join(blocks)}) if blocks else None


def _blocks(reply: str) -> Iterator[str]:
    """The bash blocks of a reply that are closed."""
    place = 0
    while start := _FENCE.search(reply, place):
        # The end is looked for from the line break that closes the opening line: the block may be empty.
        end = _FENCE_END.search(reply, start.end() - 1)
        if end is None:
            return
        yield _MARKERS.unquote(reply[start.end() : end.start()])
        place = end.end()


def _thought(written: str) -> str:
    """What stands before an act, without the word that announces it and the empty line behind it."""
    marker = _THOUGHT.match(written)
    text = written[marker.end() :] if marker else written
    return _MARKERS.unquote(text.removesuffix("\n\n") if text.endswith("\n\n") else text.removesuffix("\n"))
