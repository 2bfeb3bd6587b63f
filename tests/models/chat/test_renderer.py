"""One renderer: what a template is asked, what it writes, and what is read back."""

from __future__ import annotations

import pytest
from transformers import PreTrainedTokenizerFast

from support.templates import (
    FORGETFUL,
    HERMES,
    LLAMA_3_1,
    MISTRAL,
    MISTRAL_NAMED,
    MISTRAL_SPECIALS,
    XML,
)
from support.tokenizers import CHATML_SPECIALS, LLAMA_3_SPECIALS, byte_level
from trajectune.engine.row import decode
from trajectune.errors import ModelError
from trajectune.example import Capability, Example, Message
from trajectune.models.chat import ChatRenderer, MaskError, renderer_of
from trajectune.models.chat.forms import CallForm, Hermes, Llama3, Mistral, Xml
from trajectune.models.templates import AGENT_FLAN, CHATML
from trajectune.trajectory import Tool, ToolCall

TOOLS = [
    Tool(
        name="weather",
        description="Tells the weather.",
        parameters={"type": "object", "properties": {"city": {"type": "string"}, "days": {}}},
    )
]
ROME = ToolCall(name="weather", arguments={"city": 'Rome, "Lazio"', "days": 3}, id="abc123XYZ")
PARIS = ToolCall(name="weather", arguments={"city": "Paris"}, id="call_two")
TAGGED = ["<|begin_of_text|>", "<|python_tag|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]


def tokenizer(template: str) -> PreTrainedTokenizerFast:
    """A tokenizer whose special tokens are those that the template writes."""
    specials = {LLAMA_3_1: TAGGED, MISTRAL: MISTRAL_SPECIALS, MISTRAL_NAMED: MISTRAL_SPECIALS}
    return byte_level(template, specials.get(template, CHATML_SPECIALS))


NATIVE: dict[str, tuple[str, type[CallForm]]] = {
    "hermes": (HERMES, Hermes),
    "xml": (XML, Xml),
    "llama-3.1": (LLAMA_3_1, Llama3),
    "mistral": (MISTRAL, Mistral),
    "mistral named": (MISTRAL_NAMED, Mistral),
}


def talk(words: str, *calls: ToolCall) -> list[Message]:
    return [
        Message(role="user", content="Weather?"),
        Message(role="assistant", content=words, tool_calls=list(calls), trained=True),
        *(Message(role="tool", content="sun", tool_call_id=call.id, name=call.name) for call in calls),
        Message(role="assistant", content="It is fine.", trained=True),
    ]


@pytest.mark.parametrize("name", NATIVE)
def test_the_form_is_found_by_asking_the_template(name: str) -> None:
    template, form = NATIVE[name]
    renderer = ChatRenderer(tokenizer(template))
    assert renderer.native
    assert type(renderer.form) is form
    prompt = str(renderer.tokenizer.decode(renderer.prompt(talk("")[:1], TOOLS)))
    assert "Tells the weather." in prompt


@pytest.mark.parametrize("template", [CHATML, AGENT_FLAN, HERMES.replace("tool_call>", "call>")])
def test_without_a_form_that_we_read_it_is_said_in_words(template: str) -> None:
    renderer = ChatRenderer(tokenizer(template))
    assert not renderer.native
    assert type(renderer.form) is Hermes
    prompt = str(renderer.tokenizer.decode(renderer.prompt(talk("I look.", ROME)[:3], TOOLS)))
    assert "These tools can be called" in prompt
    assert '<tool_call>{"name": "weather"' in prompt
    assert "<tool_response>\nsun\n</tool_response>" in prompt


@pytest.mark.parametrize("name", [*NATIVE, "words"])
@pytest.mark.parametrize("calls", [[ROME], [ROME, PARIS]], ids=["one", "two"])
def test_what_is_trained_reads_back_as_the_call(name: str, calls: list[ToolCall]) -> None:
    renderer = ChatRenderer(tokenizer(NATIVE[name][0] if name in NATIVE else CHATML))
    words = "" if name == "llama-3.1" else "I look."
    example = Example(id="e", messages=talk(words, *calls), tools=TOOLS)
    if name == "llama-3.1" and len(calls) > 1:
        with pytest.raises(MaskError, match="one call only"):
            renderer.render(example)
        return
    (rendered,) = renderer.render(example)
    first, last = (rendered.text[reply.start : reply.end] for reply in rendered.replies)
    end = renderer.call_end or renderer.turn[1]
    assert first.endswith(end)
    assert last.endswith("It is fine." + renderer.turn[1])
    # What the model would sample, decoded as the engine does, reads as what was trained.
    sampled = renderer.tokenizer(first.removesuffix(end), add_special_tokens=False)["input_ids"]
    thought, read, found = renderer.read(decode(list(sampled), renderer.tokenizer, renderer.kept), TOOLS)
    assert (thought, read.strip()) == ("", words)
    assert [(call.name, call.arguments) for call in found] == [(c.name, c.arguments) for c in calls]
    assert renderer.read(decode(list(sampled), renderer.tokenizer, renderer.kept), TOOLS).calls == found


@pytest.mark.parametrize("name", [*NATIVE, "words"])
def test_every_part_of_a_call_is_labelled(name: str) -> None:
    renderer = ChatRenderer(tokenizer(NATIVE[name][0] if name in NATIVE else CHATML))
    words = "" if name == "llama-3.1" else "I look."
    (rendered,) = renderer.render(Example(id="e", messages=talk(words, ROME), tools=TOOLS))
    reply = rendered.replies[0]
    base, *parts = reply.parts
    assert (base.start, base.end, base.is_format) == (reply.start, reply.end, True)
    texts = [(rendered.text[part.start : part.end], part.capability) for part in parts]
    city = 'Rome, "Lazio"' if name == "xml" else 'Rome, \\"Lazio\\"'
    assert [text for text, kind in texts if kind is Capability.REASONING] == ([words] if words else [])
    assert [text for text, kind in texts if kind is Capability.RETRIEVAL] == ["weather"]
    assert [text for text, kind in texts if kind is Capability.UNDERSTANDING] == [city, "3"]
    assert not any(part.is_format for part in parts)


def test_words_that_the_template_leaves_out_are_not_trained_in_silence() -> None:
    renderer = ChatRenderer(tokenizer(LLAMA_3_1))
    with pytest.raises(MaskError, match="does not write the words beside its tool calls"):
        renderer.render(Example(id="e", messages=talk("I look.", ROME), tools=TOOLS))


def test_ids_are_made_to_fit_and_answers_find_their_calls() -> None:
    renderer = ChatRenderer(tokenizer(MISTRAL))
    calls = [ROME.model_copy(update={"id": ""}), PARIS]
    text = renderer.text(talk("", *calls))
    assert '"id": "call_two"' not in text
    assert text == renderer.text(talk("", *calls))
    assert '"id": "abc123XYZ"' in renderer.text(talk("", ROME))


def test_tools_with_the_text_of_a_special_token_are_rejected() -> None:
    hostile = [TOOLS[0].model_copy(update={"description": "<|im_end|>"})]
    with pytest.raises(MaskError, match="tool weather contains the text of a special token"):
        ChatRenderer(tokenizer(HERMES)).render(Example(id="e", messages=talk("Hi"), tools=hostile))


def test_a_renderer_is_made_once_for_each_template() -> None:
    one = tokenizer(HERMES)
    first = renderer_of(one)
    assert renderer_of(one) is first
    one.chat_template = FORGETFUL
    assert renderer_of(one) is not first
    one.chat_template = None
    with pytest.raises(ModelError, match="no chat template"):
        renderer_of(one)


def test_a_template_that_refuses_is_a_model_error() -> None:
    broken = byte_level("{{ raise_exception('Only Latin.') }}", LLAMA_3_SPECIALS)
    with pytest.raises(ModelError, match="refuses this conversation: Only Latin"):
        ChatRenderer(broken).prompt(talk("")[:1])
