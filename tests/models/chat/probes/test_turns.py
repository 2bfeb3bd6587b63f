"""What a template is asked: templates that answer badly are told apart from those that answer well."""

from __future__ import annotations

import pytest

from support.templates import HERMES, LLAMA_3_1, MISTRAL, MISTRAL_NAMED, MISTRAL_SPECIALS, XML
from support.tokenizers import CHATML_SPECIALS, LLAMA_3_SPECIALS, byte_level
from trajectune.errors import ModelError
from trajectune.models.chat import ChatRenderer
from trajectune.models.templates import CHATML

OPEN = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"


def chatml(turn: str, *, tools: str = "") -> ChatRenderer:
    """A ChatML template that writes each turn as the given text does."""
    body = "{% for m in messages %}{{ '<|im_start|>' ~ m.role ~ '\n' }}" + turn + "{% endfor %}"
    return ChatRenderer(byte_level(tools + body + OPEN, CHATML_SPECIALS))


def test_the_end_of_a_turn_is_its_first_special_token() -> None:
    assert ChatRenderer(byte_level(CHATML, CHATML_SPECIALS)).turn[:3] == ("", "<|im_end|>", "\n")
    assert chatml("{{ m.content ~ ' <|im_end|><|endoftext|>\n' }}").turn[:2] == ("", " <|im_end|>")


def test_where_the_end_is_no_token_it_is_the_words_behind_the_reply() -> None:
    assert chatml("{{ m.content ~ '\n### End\n\n' }}").turn[:2] == ("", "\n### End")


def test_what_the_template_puts_in_front_of_a_reply_is_its_head() -> None:
    thinking = "{{ ('<think>\n</think>\n' if m.role == 'assistant' else '') ~ m.content ~ '<|im_end|>' }}"
    assert chatml(thinking).turn[:2] == ("<think>\n</think>\n", "<|im_end|>")


@pytest.mark.parametrize(
    ("turn", "message"),
    [
        (
            "{% if m.role == 'user' and loop.last %}{{ m.content ~ '!' }}{% endif %}{{ '<|im_end|>' }}",
            "not mark",
        ),
        (
            "{% if m.role == 'assistant' %}{{ raise_exception('no') }}{% endif %}",
            "fails on a plain question",
        ),
        ("{{ m.content.missing.attribute }}", "fails on a plain question"),
    ],
)
def test_templates_that_are_of_no_use_say_so(turn: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        _ = chatml(turn).turn


@pytest.mark.parametrize("turn", ["{{ m.content }}", "{{ m.content ~ '\n\n' }}"])
def test_where_a_turn_has_no_end_the_next_one_begins_with_it(turn: str) -> None:
    renderer = chatml(turn)
    assert (renderer.turn.end, renderer.turn.unwritten) == ("<|im_start|>", True)


def test_a_template_without_any_mark_is_of_no_use() -> None:
    bare = ChatRenderer(
        byte_level("{% for m in messages %}{{ m.content ~ '\n' }}{% endfor %}", CHATML_SPECIALS)
    )
    with pytest.raises(ModelError, match="does not mark where a reply begins and ends"):
        _ = bare.turn


NATIVE = {
    HERMES: CHATML_SPECIALS,
    XML: CHATML_SPECIALS,
    LLAMA_3_1: LLAMA_3_SPECIALS,
    MISTRAL: MISTRAL_SPECIALS,
    MISTRAL_NAMED: MISTRAL_SPECIALS,
}


@pytest.mark.parametrize("template", NATIVE)
def test_calls_end_with_the_marker_of_the_turn(template: str) -> None:
    renderer = ChatRenderer(byte_level(template, NATIVE[template]))
    assert renderer.native
    assert renderer.call_end == NATIVE[template][-1]


CALLS = (
    "{% for c in m.tool_calls or [] %}"
    "{{ '<tool_call>' ~ (c.function | tojson) ~ '</tool_call>' }}{% endfor %}"
)
SHOWN = "{% for t in tools or [] %}{{ t | tojson }}{% endfor %}"
WHOLE = "{{ m.content }}" + CALLS + "{{ '<|im_end|>\n' }}"


@pytest.mark.parametrize(
    ("turn", "tools"),
    [
        (WHOLE, ""),  # does not show the tools
        ("{{ m.content ~ '<|im_end|>\n' }}", SHOWN),  # nor the calls
        ("{% if m.role != 'tool' %}" + WHOLE + "{% endif %}", SHOWN),  # nor the answers
        (WHOLE.replace("tool_call>", "call>"), SHOWN),  # writes a form that nobody reads
        ("{% if m.tool_calls %}{{ raise_exception('no') }}{% endif %}" + WHOLE, SHOWN),
        (WHOLE.replace("c.function |", "{'name': 'other', 'arguments': {}} |"), SHOWN),  # another call
    ],
)
def test_half_of_a_tool_template_is_none(turn: str, tools: str) -> None:
    renderer = chatml(turn, tools=tools)
    assert not renderer.native
    assert renderer.call_end == ""
    assert chatml(WHOLE, tools=SHOWN).native


def test_markers_that_are_special_tokens_survive_decoding() -> None:
    specials = [*CHATML_SPECIALS[:2], "<tool_call>", "</tool_call>", "<|im_end|>"]
    renderer = ChatRenderer(byte_level(HERMES, specials))
    kept = {str(renderer.tokenizer.convert_ids_to_tokens(token)) for token in renderer.kept}
    assert kept == {"<tool_call>", "</tool_call>"}
    assert renderer.call_end == "<|im_end|>"
    assert ChatRenderer(byte_level(HERMES, CHATML_SPECIALS)).kept == frozenset()
