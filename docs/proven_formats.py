"""Write docs/proven/formats.md: `python docs/proven_formats.py > docs/proven/formats.md`.

Formats × kinds of content. Each cell is computed: an example with that content is written in the format, as
JSON Lines and as Parquet, and read back. It is proven when the example comes back equal; a loss is one that
the conversion counts by this name; a rejection has the reason that a user would see.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from trajectune.curate.formats import FORMATS, read_examples, write_examples
from trajectune.example import Example, Message, Span
from trajectune.storage import Rejected
from trajectune.trajectory import Tool, ToolCall

ASKED = Message(role="user", content="Weather in Paris?")
ANSWERED = Message(role="assistant", content="18 degrees.", trained=True)
PARIS = ToolCall(name="weather", arguments={"city": "Paris", "days": 2, "exact": True})
ROME = ToolCall(name="weather", arguments={"city": "Rome"})
WEATHER = Tool(
    name="weather",
    description="The weather of a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}},
)


def called(*calls: ToolCall, content: str = "", reasoning: str = "") -> list[Message]:
    """A question, a reply of calls, what each was answered, and the answer."""
    reply = Message(
        role="assistant", content=content, reasoning=reasoning, trained=True, tool_calls=list(calls)
    )
    told = [Message(role="tool", content="18", tool_call_id=call.id) for call in calls]
    return [ASKED, reply, *told, ANSWERED]


def system(text: str) -> Message:
    """A message of the system."""
    return Message(role="system", content=text)


def reply(**fields: object) -> Message:
    """The answer with further fields."""
    return ANSWERED.model_copy(update=fields)


SPANS = [Span.thought("18 "), Span.arguments("degrees"), Span.marker(".")]
KINDS: dict[str, list[Message]] = {
    "text": [ASKED, ANSWERED],
    "several turns": [ASKED, ANSWERED, ASKED, ANSWERED],
    "system": [system("Be brief."), ASKED, ANSWERED],
    "several systems": [system("Be brief."), ASKED, ANSWERED, system("Be long."), ASKED, ANSWERED],
    "assistant first": [reply(content="Welcome!"), ASKED, ANSWERED],
    "user last": [ASKED, ANSWERED, ASKED],
    "empty content": [ASKED, reply(content="")],
    "unicode": [ASKED, reply(content="é 中 𝄞 \u202e \u0000 \r\n\t <|im_end|>")],
    "one call": called(PARIS),
    "words and a call": called(PARIS, content="Let me look."),
    "parallel calls": called(PARIS, ROME),
    "ids of calls": called(PARIS.model_copy(update={"id": "c1"})),
    "reasoning": [ASKED, reply(reasoning="I know this.\n")],
    "reasoning of each reply": [ASKED, reply(reasoning="One."), ASKED, reply(reasoning="Two.")],
    "reasoning before a call": called(PARIS, content="Let me look.", reasoning="I look it up."),
    "replies not trained": [ASKED, reply(trained=False), ASKED, ANSWERED],
    "spans": [ASKED, reply(spans=SPANS)],
    "names of speakers": [ASKED.model_copy(update={"name": "ann"}), ANSWERED],
    "sampled tokens": [ASKED, reply(tokens=[1, 2])],
}
"""Content by its kind, as messages."""


def examples() -> dict[str, Example]:
    """An example for each kind of content."""
    found = {kind: example(messages) for kind, messages in KINDS.items()}
    found["sampled tokens"] = found["sampled tokens"].model_copy(update={"template": "t1"})
    text = found["text"]
    found["tools"] = text.model_copy(update={"tools": [WEATHER]})
    found["fields of others"] = text.model_copy(update={"metadata": {"score": 0.5, "tags": ["a", None]}})
    clash = {"conversations": "c", "messages": 1, "instruction": None, "id": "x", "tools": "t"}
    found["fields of others with our names"] = text.model_copy(update={"metadata": clash})
    return found


def example(messages: list[Message]) -> Example:
    """An example with an id and a source."""
    return Example(id="row 1", source="set", messages=messages)


def verdict(given: Example, name: str, folder: Path) -> str:
    """What becomes of an example in a format: `proven`, what is lost by its name, or why it is rejected."""
    found = {_verdict(given, name, folder / f"set.{suffix}") for suffix in ("jsonl", "parquet")}
    return " / ".join(sorted(found))


def _verdict(given: Example, name: str, path: Path) -> str:
    rejected: list[Rejected] = []
    count = write_examples(path, [given], name, rejected)
    if rejected:
        return f"rejected: {rejected[0].reason}"
    if count.lost:
        return f"counted: {', '.join(count.lost)}"
    (again,) = read_examples(path, rejected, notes=Counter())
    if rejected or _without_new_ids(again, given) != given:
        raise AssertionError(f"{name} loses in silence: {given} is read back as {again}, {rejected}")
    return "proven"


def _without_new_ids(again: Example, given: Example) -> Example:
    """What was read, less the ids of calls that were made up because there were none."""
    pairs = zip(again.messages, given.messages, strict=True)
    messages = [
        new.model_copy(
            update={
                "tool_call_id": old.tool_call_id and new.tool_call_id,
                "tool_calls": [
                    call.model_copy(update={"id": before.id and call.id})
                    for call, before in zip(new.tool_calls, old.tool_calls, strict=True)
                ],
            }
        )
        for new, old in pairs
    ]
    metadata = {key: value for key, value in again.metadata.items() if key != "_kept"}
    return again.model_copy(update={"messages": messages, "metadata": metadata})


def page() -> str:
    """The whole page."""
    reasons: dict[str, int] = {}
    lines = [f"| content | {' | '.join(FORMATS)} |", f"|---|{'---|' * len(FORMATS)}"]
    with tempfile.TemporaryDirectory() as folder:
        for kind, given in examples().items():
            cells = [_cell(verdict(given, name, Path(folder)), reasons) for name in FORMATS]
            lines.append(f"| {kind} | {' | '.join(cells)} |")
    notes = [f"{number}. {reason}" for reason, number in reasons.items()]
    return "\n".join([_HEAD, *lines, "", _NOTES, "", *notes, "", _READ, ""])


def _cell(found: str, reasons: dict[str, int]) -> str:
    if not found.startswith("rejected: "):
        return found
    number = reasons.setdefault(found.removeprefix("rejected: "), len(reasons) + 1)
    return f"rejected ({number})"


_HEAD = """# What the formats hold

Written by `python docs/proven_formats.py`; a test holds this page to what the program finds.

Each cell is one conversion that was made: an example with this content is written in the format, as JSON
Lines and as Parquet, and read back. *proven*: it comes back equal. *counted*: it is written without the
thing named, and `trajectune data convert` says so with the number of rows. *rejected*: the row goes to
`OUT.rejected.jsonl` with the reason below.
"""
_NOTES = "Why rows are rejected:"
_READ = """What is read beyond this, in every format:

- `loss`, `train`, `trained` and `weight` are the flag of training;
- `reasoning`, `thinking` and parts of content that hold a thought are reasoning;
- `function_call`, and messages of `function`, are calls and their answers; `functions` are tools;
- a `system` beside the list of messages is the first message;
- nulls that Arrow put between unlike objects are taken out of schemas, and of arguments where the tool's
  schema rules them out; where no schema tells, they stay and are counted.

OpenAssistant trees (`oasst`, the best-ranked branch) and ToolBench's answer trees (`toolbench`, the winning
chain) are read, not written. A field that carries content and that nothing reads is named, with the number
of rows, by `trajectune data inspect`, by every conversion and by the stage `curate`."""

if __name__ == "__main__":
    print(page(), end="")
