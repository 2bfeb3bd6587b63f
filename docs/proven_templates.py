"""Write docs/proven/templates.md, the table of proven chat templates: run from the project's root as

`python docs/proven_templates.py > docs/proven/templates.md`.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from transformers import PreTrainedTokenizerBase

from support.gauntlet import KINDS, bytes_for, published
from trajectune.errors import ModelError
from trajectune.example import Example
from trajectune.models.chat import ChatRenderer, MaskError, renderer_of
from trajectune.tune.data.masks import tokenize

INTRODUCTION = """
# Chat templates, proven

Every chat template inside the wheel of [TRL](https://github.com/huggingface/trl), on a tokenizer that has
all of its marks, times every kind of content. A cell is *proven* where the trained tokens decode to the
reply and its end-of-turn marker, where the reply reads back as the message (thought, words, calls), and
where the tokens before it are the very prompt that server and local agent send for that turn. All else is
rejected with a reason. The page is written by `docs/proven_templates.py`, and a test holds it to that.

| sign | meaning |
|---|---|
| ✓ | proven, all replies of a conversation in one row |
| ↻ | proven, in more than one row: the template writes the past differently once a later turn is there |
| w | the template has no place for it (tools, thoughts, system messages): it is written in words; proven |
| a number | rejected: the template's own rule makes it impossible; the list below quotes it |
"""
_LIMIT = 8192


def page() -> str:
    """The whole page as Markdown."""
    reasons: dict[str, int] = {}
    rows = [
        f"| `{name}` | {' | '.join(cells(bytes_for(text), reasons))} |"
        for name, text in published().items()
    ]
    head = f"| template | {' | '.join(KINDS)} |\n|---|{'---|' * len(KINDS)}"
    notes = "\n".join(f"{number}. {reason}" for reason, number in reasons.items())
    return (
        "\n\n".join([INTRODUCTION.strip(), "\n".join([head, *rows]), "## Rejected, and why", notes]) + "\n"
    )


def cells(tokenizer: PreTrainedTokenizerBase, reasons: dict[str, int]) -> list[str]:
    """A template's row; reasons are numbered as they come."""
    return [cell(tokenizer, example, reasons) for example in KINDS.values()]


def cell(tokenizer: PreTrainedTokenizerBase, example: Example, reasons: dict[str, int]) -> str:
    """What becomes of one conversation under one template."""
    try:
        rows = tokenize(example, tokenizer, _LIMIT)
    except (MaskError, ModelError) as error:
        reason = error.reason if isinstance(error, MaskError) else error.what
        return str(reasons.setdefault(_rule(reason), len(reasons) + 1))
    words = "w" if _in_words(renderer_of(tokenizer), example) else ""
    return (words + "↻" if len(rows) > 1 else words) or "✓"


def _in_words(renderer: ChatRenderer, example: Example) -> bool:
    """Whether anything of the conversation is not given to the template as it is."""
    written = [turn.message for turn in renderer.written(example.messages, example.tools)]
    same = [(m.role, m.content, m.reasoning) for m in written]
    return same != [(m.role, m.content, m.reasoning) for m in example.messages]


def _rule(reason: str) -> str:
    """A reason without the message's number."""
    return reason.partition(": ")[2] if reason.startswith("message ") else reason


if __name__ == "__main__":
    print(page(), end="")
