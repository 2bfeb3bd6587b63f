"""Situations from bug reports, each standing for a kind: what a template makes of a row.

The rows and templates are small ones of our own; where the shared cases are, those run as well.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from support.tokenizers import CHATML_SPECIALS, byte_level
from trajectune.example import Example, Message
from trajectune.models.chat import ChatRenderer, renderer_of
from trajectune.trajectory import ToolCall
from trajectune.tune.data.masks import tokenize
from trajectune.tune.data.rows import TokenRow

_DATA = os.environ.get("TRAJECTUNE_TEST_DATA", str(Path(__file__).parents[4] / "shared" / "data"))
CASES = Path(_DATA).parent / "cases" / "data-and-templates.json"
_OPEN = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
_CALLS = "{% for c in m.tool_calls or [] %}CALL{% endfor %}"


def chatml(reply: str, call: str = "", opened: str = "") -> str:
    """ChatML with replies and calls written in another way."""
    said = reply + _CALLS.replace("CALL", call) if call else reply
    return (
        "{% for t in tools or [] %}{{ t | tojson }}{% endfor %}"
        "{% for m in messages %}<|im_start|>{{ m.role }}\n"
        "{% if m.role == 'assistant' %}"
        + said
        + "{% else %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}"
    ) + _OPEN.replace("assistant\n", "assistant\n" + opened)


_JSON = (
    '<tool_call>\n{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}'
    "\n</tool_call>"
)
_XML = (
    "<tool_call>\n<function={{ c.function.name }}>\n{% for k, v in c.function.arguments | items %}"
    "<parameter={{ k }}>\n{{ v if v is string else v | tojson }}\n</parameter>\n"
    "{% endfor %}</function>\n</tool_call>"
)
_NINE = "{% if c.id | length != 9 %}{{ raise_exception('ids need 9 signs') }}{% endif %}"
_LISTED = "[TOOL_CALLS][{{ (c.function | tojson)[:-1] }}, {{ '\"id\": \"' ~ c.id ~ '\"' }}}]"
OWN = {
    "plain": chatml("{{ m.content }}", _JSON),
    "reasoning": chatml("<think>\n{{ m.reasoning_content or '' }}\n</think>\n\n{{ m.content }}"),
    "rewrites_history": chatml(
        "{% if loop.last %}<think>\n\n</think>\n\n{% endif %}{{ m.content }}", _JSON
    ),
    "nine_sign_ids": chatml("{{ m.content }}", _NINE + _LISTED),
    "text_arguments": chatml(
        "{{ m.content }}", "[TOOL_CALLS]{{ c.function.name + '[ARGS]' + c.function.arguments }}"
    ),
    "xml_calls": chatml("{{ m.content }}", _XML),
    "opens_thought": chatml("{{ m.content.split('</think>')[-1] }}", opened="<think>\n"),
}


def asked(*calls: dict[str, Any], content: str = "") -> dict[str, Any]:
    made = [{"id": c.pop("id", "call_1"), "function": c} for c in calls]
    return {"role": "assistant", "content": content, "tool_calls": made}


USER = {"role": "user", "content": "Weather in Paris?"}
DONE = {"role": "assistant", "content": "18 degrees."}
WEATHER = {"name": "get_weather", "arguments": '{"city": "Paris"}'}


def looked_up(name: str) -> list[dict[str, Any]]:
    answer = {"role": "tool", "tool_call_id": name, "content": "18"}
    return [USER, asked({**WEATHER, "id": name}), answer, DONE]


ROWS: dict[str, tuple[str, list[list[dict[str, Any]]]]] = {
    "reasoning-content": (
        "reasoning",
        [[USER, {"role": "assistant", "reasoning_content": "I look it up.", "content": "18"}]],
    ),
    "template-rewrites-history": ("rewrites_history", [looked_up("call_1")]),
    "nine-sign-ids": ("nine_sign_ids", [looked_up("abcDEF123"), looked_up("call_1")]),
    "text-arguments": ("text_arguments", [looked_up("call_1")]),
    "xml-calls": (
        "xml_calls",
        [[USER, asked({"name": "py", "arguments": '{"code": "a = 1\\nprint(a)", "run": true}'})]],
    ),
    "opens-thought": ("opens_thought", [[USER, DONE]]),
    "assistant-first": ("plain", [[{"role": "assistant", "content": "Welcome!"}, USER, DONE]]),
}
SHARED = json.loads(CASES.read_text("utf-8")) if CASES.exists() else None


def example(messages: list[dict[str, Any]]) -> Example:
    """A row of the chat API's messages, each reply trained."""

    def message(fields: dict[str, Any]) -> Message:
        calls = [
            ToolCall(
                id=c["id"], name=c["function"]["name"], arguments=json.loads(c["function"]["arguments"])
            )
            for c in fields.get("tool_calls", [])
        ]
        return Message(
            role=fields["role"],
            content=fields["content"],
            reasoning=fields.get("reasoning_content", ""),
            tool_calls=calls,
            tool_call_id=fields.get("tool_call_id", ""),
            trained=fields["role"] == "assistant",
        )

    return Example(id="e", messages=[message(fields) for fields in messages])


def cases(name: str, where: str) -> tuple[ChatRenderer, list[Example]]:
    """The renderer and the rows of a case, of our own or of the shared ones."""
    template, rows = ROWS[name]
    templates = OWN
    if where == "shared":
        if SHARED is None:
            pytest.skip("the shared cases are not here")
        templates, found = SHARED["templates"], {case["id"]: case for case in SHARED["cases"]}
        template, rows = found[name]["template"], [row["messages"] for row in found[name]["rows"]]
    renderer = renderer_of(byte_level(templates[template], CHATML_SPECIALS))
    return renderer, [example(row) for row in rows]


def trained(rows: list[TokenRow], renderer: ChatRenderer) -> list[str]:
    """The trained texts of all rows."""
    texts: list[str] = []
    for row in rows:
        runs = [n for n in range(1, len(row)) if row.trained[n] != row.trained[n - 1]]
        edges = [*runs, len(row)] if row.trained[-1] else runs
        for first, last in zip(edges[::2], edges[1::2], strict=True):
            texts.append(str(renderer.tokenizer.decode(row.tokens[first:last].tolist())))
    return texts


@pytest.mark.parametrize("where", ["own", "shared"])
@pytest.mark.parametrize("name", ROWS)
def test_every_row_is_proven_and_reads_back(name: str, where: str) -> None:
    renderer, rows = cases(name, where)
    for row in rows:
        found = tokenize(row, renderer.tokenizer, 4096)
        replies = [message for message in row.messages if message.trained]
        texts = sorted(trained(found, renderer), key=len)
        assert len(texts) == len(replies)
        for text in texts:
            said = renderer.read(text.removesuffix("<|im_end|>"), row.tools)
            assert any(
                (said.reasoning, said.content.strip()) == (reply.reasoning, reply.content)
                and all(map(ToolCall.same_as, said.calls, reply.tool_calls))
                and len(said.calls) == len(reply.tool_calls)
                for reply in replies
            ), text


@pytest.mark.parametrize("where", ["own", "shared"])
def test_a_thought_that_is_kept_apart_is_trained(where: str) -> None:
    renderer, (row,) = cases("reasoning-content", where)
    (text,) = trained(tokenize(row, renderer.tokenizer, 4096), renderer)
    assert text == "<think>\nI look it up.\n</think>\n\n18<|im_end|>"


def test_a_template_without_thoughts_has_it_in_words() -> None:
    renderer = renderer_of(byte_level(OWN["plain"], CHATML_SPECIALS))
    row = example(ROWS["reasoning-content"][1][0])
    (text,) = trained(tokenize(row, renderer.tokenizer, 4096), renderer)
    assert text == "<think>\nI look it up.\n</think>\n\n18<|im_end|>"


@pytest.mark.parametrize("key", ["reasoning", "thinking"])
def test_other_fields_for_a_thought_are_found(key: str) -> None:
    template = chatml("{{ '[' ~ m.KEY ~ ']' if m.KEY }}{{ m.content }}".replace("KEY", key))
    renderer = renderer_of(byte_level(template, CHATML_SPECIALS))
    row = example(ROWS["reasoning-content"][1][0])
    (text,) = trained(tokenize(row, renderer.tokenizer, 4096), renderer)
    assert text == "[I look it up.]18<|im_end|>"
    assert renderer.read("[I look it up.]18")[:2] == ("I look it up.", "18")


@pytest.mark.parametrize("where", ["own", "shared"])
def test_a_past_that_is_written_otherwise_gives_a_row_for_each_turn(where: str) -> None:
    renderer, (row,) = cases("template-rewrites-history", where)
    found = tokenize(row, renderer.tokenizer, 4096)
    assert len(found) == 2
    assert all(text.startswith("<think>\n\n</think>\n\n") for text in trained(found, renderer))


def test_ids_are_handed_on_where_the_template_takes_them() -> None:
    shown = OWN["nine_sign_ids"].replace(_NINE, "")
    (row,) = [example(looked_up("call_1"))]
    for template, name in ((shown, "call_1"), (OWN["nine_sign_ids"], "")):
        renderer = renderer_of(
            byte_level(template, [*CHATML_SPECIALS[:-1], "<|end|>", CHATML_SPECIALS[-1]])
        )
        text = renderer.text(row.messages)
        assert ('"id": "call_1"' in text) == bool(name)


@pytest.mark.parametrize("where", ["own", "shared"])
def test_a_thought_that_the_prompt_opens_is_closed_in_the_reply(where: str) -> None:
    renderer, (row,) = cases("opens-thought", where)
    (text,) = trained(tokenize(row, renderer.tokenizer, 4096), renderer)
    assert text == "\n</think>\n\n18 degrees.<|im_end|>"
    thoughtful = row.messages[-1].model_copy(update={"reasoning": "Look."})
    row = row.model_copy(update={"messages": [*row.messages[:-1], thoughtful]})
    (text,) = trained(tokenize(row, renderer.tokenizer, 4096), renderer)
    assert text == "Look.\n</think>\n\n18 degrees.<|im_end|>"


@pytest.mark.parametrize("flag", [True, False])
@pytest.mark.parametrize("where", ["own", "shared"])
def test_a_greeting_is_context_or_trained_by_its_flag(where: str, flag: bool) -> None:
    renderer, (row,) = cases("assistant-first", where)
    greeting = row.messages[0].model_copy(update={"trained": flag})
    row = row.model_copy(update={"messages": [greeting, *row.messages[1:]]})
    (found,) = tokenize(row, renderer.tokenizer, 4096)
    assert trained([found], renderer) == ["Welcome!<|im_end|>"] * flag + ["18 degrees.<|im_end|>"]
    assert str(renderer.tokenizer.decode(found.tokens.tolist())).count("Welcome!") == 1
