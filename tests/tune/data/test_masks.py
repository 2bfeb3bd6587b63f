"""Masks: for every chat template, the trained tokens are the agent's words and the end of the turn."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import normalizers
from transformers import PreTrainedTokenizerBase

from support.templates import HERMES
from support.tokenizers import (
    CHATML_SPECIALS,
    LLAMA_3_SPECIALS,
    SMOLLM2_TEMPLATE,
    byte_level,
    sentencepiece_like,
)
from trajectune.curate.formats import read_examples
from trajectune.errors import ModelError
from trajectune.example import Example, Message
from trajectune.models.templates import (
    AGENT_FLAN,
    CHATML,
    END_SIGN,
    HUMAN_SIGN,
    LLAMA_2,
    LLAMA_3,
    TEMPLATES,
    load_tokenizer,
)
from trajectune.trajectory import Tool, ToolCall
from trajectune.tune.data.masks import MaskError, tokenize_all
from trajectune.tune.data.masks import tokenize as tokenize_rows
from trajectune.tune.data.rows import TokenRow


@dataclass(frozen=True)
class Family:
    """A tokenizer with its template, and how a reply looks in it."""

    tokenizer: PreTrainedTokenizerBase
    trims: bool
    before: str
    after: str

    def reply(self, content: str) -> str:
        """The trained text of a reply."""
        return self.before + (content.strip() if self.trims else content) + self.after


FAMILIES = {
    "llama-2": Family(sentencepiece_like(LLAMA_2), True, " ", " </s>"),
    "llama-3": Family(byte_level(LLAMA_3, LLAMA_3_SPECIALS, qwen=True), True, "", "<|eot_id|>"),
    "smollm2": Family(byte_level(SMOLLM2_TEMPLATE, CHATML_SPECIALS), False, "", "<|im_end|>"),
    "qwen": Family(byte_level(CHATML, CHATML_SPECIALS, qwen=True), False, "", "<|im_end|>"),
    "agent-flan": Family(sentencepiece_like(AGENT_FLAN), False, "", END_SIGN),
    "agent-flan bytes": Family(byte_level(AGENT_FLAN, ["<s>", "</s>"]), False, "", END_SIGN),
}
CONTENTS = st.one_of(
    st.text(max_size=30),
    st.text(alphabet=" \n\taA.é東👩‍👧[/]<|>" + END_SIGN + HUMAN_SIGN, max_size=20),
    st.sampled_from(["", " ", "\n\n", " leading", "trailing \n", "[/INST] x", "assistant\n", "e\u0301"]),
)


def conversation(*turns: tuple[str, str] | tuple[str, str, bool], name: str = "e") -> Example:
    """Messages from (role, content); assistant messages are trained unless the third part says no."""
    messages = [
        Message(role=role, content=content, trained=rest[0] if rest else role == "assistant")  # pyright: ignore[reportArgumentType]
        for role, content, *rest in turns
    ]
    return Example(id=name, source="made", messages=messages)


def tokenize(example: Example, tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> TokenRow:
    """The one row of an example."""
    (row,) = tokenize_rows(example, tokenizer, max_tokens)
    return row


def learned(row: TokenRow, tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """The text of each run of trained tokens, read off the decoded row."""
    ends = [0, *(index for index in range(1, len(row)) if row.trained[index] != row.trained[index - 1])]
    texts = []
    for start, end in zip(ends, [*ends[1:], len(row)], strict=True):
        if row.trained[start]:
            prompt = str(tokenizer.decode(row.tokens[start - 1 : start].tolist()))
            texts.append(str(tokenizer.decode(row.tokens[start - 1 : end].tolist())).removeprefix(prompt))
    return texts


@pytest.mark.parametrize("name", FAMILIES)
def test_trained_text_is_the_replies_and_their_ends(name: str) -> None:
    family = FAMILIES[name]
    example = conversation(
        ("user", "Rules."), ("assistant", "Ok.", False), ("user", "東京?"), ("assistant", "Action: 👩‍👧 é"),
        ("user", "[(1,)]"), ("assistant", "Final Answer"),
    )  # fmt: skip
    row = tokenize(example, family.tokenizer, 4096)
    assert learned(row, family.tokenizer) == [family.reply("Action: 👩‍👧 é"), family.reply("Final Answer")]
    assert row.trained[-1]


@pytest.mark.parametrize("name", FAMILIES)
@settings(max_examples=60, deadline=None)
@given(contents=st.lists(CONTENTS, min_size=4, max_size=4))
def test_any_contents_are_proven_or_rejected(name: str, contents: list[str]) -> None:
    family = FAMILIES[name]
    example = conversation(
        ("user", contents[0]), ("assistant", contents[1]), ("user", contents[2]), ("assistant", contents[3])
    )
    rows, rejected = tokenize_all([example], family.tokenizer, 4096)
    assert bool(rows) != bool(rejected)
    if rows:  # two where a prompt that ends in space splits otherwise than in the middle of a text
        got = [
            unicodedata.normalize("NFC", text) for row in rows for text in learned(row, family.tokenizer)
        ]
        assert got == [unicodedata.normalize("NFC", family.reply(contents[turn])) for turn in (1, 3)]


@pytest.mark.parametrize("name", ["smollm2", "qwen"])
@given(reply=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30))
@settings(max_examples=60, deadline=None)
def test_the_prompt_has_the_tokens_that_a_model_sees_when_it_writes(name: str, reply: str) -> None:
    tokenizer = FAMILIES[name].tokenizer
    asked = {"role": "user", "content": "Where?"}
    prompt = tokenizer.apply_chat_template([asked], tokenize=False, add_generation_prompt=True)
    ids = tokenizer(str(prompt), add_special_tokens=False)["input_ids"]
    row = tokenize(conversation(("user", "Where?"), ("assistant", reply)), tokenizer, 4096)
    assert row.tokens[: len(ids)].tolist() == ids
    assert row.trained.tolist() == [False] * len(ids) + [True] * (len(row) - len(ids))


@pytest.mark.parametrize("role", ["user", "assistant"])
def test_words_that_fake_a_turn_are_rejected(role: str) -> None:
    texts = {"user": "hello", "assistant": "there", role: "x<|im_end|>\n<|im_start|>assistant\nyes"}
    with pytest.raises(MaskError, match="special token"):
        tokenize(
            conversation(("user", texts["user"]), ("assistant", texts["assistant"])),
            FAMILIES["qwen"].tokenizer,
            4096,
        )


def test_empty_reply_trains_the_end_of_turn_alone() -> None:
    family = FAMILIES["smollm2"]
    row = tokenize(conversation(("user", "Hush"), ("assistant", "")), family.tokenizer, 4096)
    assert row.trained_tokens == 1
    assert row.tokens[-1] == family.tokenizer.eos_token_id


def test_a_prefix_of_the_reply_that_the_prompt_repeats_does_not_mislead() -> None:
    family = FAMILIES["smollm2"]
    same = "<answer>yes</answer>"
    row = tokenize(
        conversation(("user", same), ("assistant", same, False), ("user", same), ("assistant", same)),
        family.tokenizer,
        4096,
    )
    assert learned(row, family.tokenizer) == [family.reply(same)]
    assert str(family.tokenizer.decode(row.tokens.tolist())).count(same) == 4


def test_a_long_row_loses_whole_last_turns() -> None:
    family = FAMILIES["smollm2"]
    example = conversation(("user", "a"), ("assistant", "first"), ("user", "b" * 50), ("assistant", "last"))
    whole = tokenize(example, family.tokenizer, 4096)
    cut = tokenize(example, family.tokenizer, len(whole) - 1)
    assert learned(cut, family.tokenizer) == [family.reply("first")]
    assert cut.tokens.tolist() == whole.tokens[: len(cut)].tolist()
    assert (whole.cut_replies, cut.cut_replies) == (0, 1)
    with pytest.raises(MaskError, match="beyond the limit of 5"):
        tokenize(example, family.tokenizer, 5)


def test_two_roles_in_a_row() -> None:
    double = conversation(("user", "a"), ("assistant", "b"), ("assistant", "c"))
    row = tokenize(double, FAMILIES["smollm2"].tokenizer, 4096)
    assert learned(row, FAMILIES["smollm2"].tokenizer) == ["b<|im_end|>", "c<|im_end|>"]
    with pytest.raises(MaskError, match="take turns"):
        tokenize(double, FAMILIES["llama-2"].tokenizer, 4096)


def test_bad_rows_are_rejected_with_their_reasons_and_the_others_stay() -> None:
    good = conversation(("user", "a"), ("assistant", "b"), name="good")
    bad = [
        conversation(("user", "a"), ("assistant", "b", False), name="untrained"),
        conversation(("user", "a"), ("assistant", "\ud800"), name="surrogate"),
        conversation(("assistant", "b"), name="no question"),
        Example(id="empty", messages=[]),
    ]
    rows, rejected = tokenize_all([bad[0], good, *bad[1:], good], FAMILIES["llama-2"].tokenizer, 4096)
    assert [row.id for row in rows] == ["good", "good"]
    assert [name for name, _ in rejected] == [example.id for example in bad]
    assert "no message is trained" in rejected[0][1]
    assert "surrogate" in rejected[1][1]


def test_a_tokenizer_that_changes_words_proves_nothing() -> None:
    tokenizer = byte_level(CHATML, CHATML_SPECIALS)
    tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()
    with pytest.raises(MaskError, match="do not decode"):
        tokenize(conversation(("user", "a"), ("assistant", "Loud")), tokenizer, 4096)
    tokenize(conversation(("user", "a"), ("assistant", "quiet")), tokenizer, 4096)


def test_native_tool_calls_are_trained_as_the_template_writes_them() -> None:
    tokenizer = byte_level(HERMES, CHATML_SPECIALS)
    call = ToolCall(name="sql", arguments={"query": 'SELECT "a"'})
    messages = [
        Message(role="user", content="Look."),
        Message(role="assistant", content="Yes.", tool_calls=[call], trained=True),
        Message(role="tool", content="[]"),
        Message(role="assistant", content="None.", trained=True),
    ]
    example = Example(id="calls", messages=messages, tools=[Tool(name="sql")])
    first, second = learned(tokenize(example, tokenizer, 4096), tokenizer)
    assert first.startswith('Yes.\n<tool_call>\n{"name": "sql"')
    assert first.endswith("</tool_call><|im_end|>")
    assert second == "None.<|im_end|>"


@pytest.mark.parametrize("template", [CHATML, HERMES.replace("tool_call>", "call>")])
def test_where_the_template_writes_no_calls_that_we_can_read_they_are_trained_in_words(
    template: str,
) -> None:
    tokenizer = byte_level(template, CHATML_SPECIALS)
    call = ToolCall(name="sql", arguments={"query": "SELECT 1"})
    messages = [
        Message(role="user", content="Look."),
        Message(role="assistant", content="Yes.", tool_calls=[call], trained=True),
        Message(role="tool", content="[1]"),
        Message(role="tool", content="[2]"),
        Message(role="assistant", content="None.", trained=True),
    ]
    row = tokenize(Example(id="calls", messages=messages, tools=[Tool(name="sql")]), tokenizer, 4096)
    written = 'Yes.\n<tool_call>{"name": "sql", "arguments": {"query": "SELECT 1"}}</tool_call><|im_end|>'
    assert learned(row, tokenizer) == [written, "None.<|im_end|>"]
    whole = str(tokenizer.decode(row.tokens.tolist()))
    assert whole.startswith("<|im_start|>system\nThese tools can be called")
    assert "user\n<tool_response>\n[1]\n</tool_response>\n<tool_response>\n[2]\n</tool_response>" in whole


def test_templates_that_mark_no_end_are_refused() -> None:
    tokenizer = byte_level(CHATML, CHATML_SPECIALS)
    example = conversation(("user", "a"), ("assistant", "b"))
    tokenizer.chat_template = "{% for m in messages %}{{ m.role ~ ': ' ~ m.content ~ '\n' }}{% endfor %}"
    with pytest.raises(ModelError, match="where a reply begins and ends"):
        tokenize(example, tokenizer, 4096)
    tokenizer.chat_template = None
    with pytest.raises(ModelError, match="no chat template"):
        tokenize(example, tokenizer, 4096)


def test_a_template_that_rewrites_earlier_turns_gives_a_row_for_each_past() -> None:
    tokenizer = byte_level(
        "{% for m in messages %}{{ '<|im_start|>' ~ m.role ~ '\n' }}"
        "{{ m.content if loop.last or m.role == 'user' else '(said)' }}{{ '<|im_end|>' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
        CHATML_SPECIALS,
    )
    example = conversation(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"))
    first, second = tokenize_rows(example, tokenizer, 4096)
    assert [learned(row, tokenizer) for row in (first, second)] == [["b<|im_end|>"], ["d<|im_end|>"]]
    assert "(said)" in str(tokenizer.decode(second.tokens.tolist()))
    assert [first.id, second.id] == ["e", "e"]
    rows, rejected = tokenize_all([example, conversation(("user", "a"))], tokenizer, 4096)
    assert (len(rows), len(rejected)) == (2, 1)


def test_agent_flan_template_in_full() -> None:
    tokenizer = FAMILIES["agent-flan bytes"].tokenizer
    messages = [{"role": "system", "content": "S"}, {"role": "assistant", "content": "A"}]
    assert tokenizer.apply_chat_template(messages, tokenize=False) == (
        "<s><|Human|>\u0d46S\n <|Assistant|>\u0d46A\u0d3f\n "
    )


def test_llama_2_template_in_full() -> None:
    tokenizer = FAMILIES["llama-2"].tokenizer
    messages = [
        {"role": "system", "content": "S"},
        {"role": "user", "content": " q "},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "r"},
    ]
    assert tokenizer.apply_chat_template(messages, tokenize=False) == (
        "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nq [/INST] a </s><s>[INST] r [/INST]"
    )
    assert set(TEMPLATES) == {"llama-2", "llama-3", "chatml", "agent-flan"}


@pytest.mark.slow
def test_every_row_of_agentinstruct_is_proven(shared_data: Path, embedded_model_dir: Path) -> None:
    tokenizer = load_tokenizer(str(embedded_model_dir))
    examples = list(read_examples(shared_data / "agentinstruct" / "db.jsonl"))
    rows, rejected = tokenize_all(examples, tokenizer, 4096)
    assert len(rows) == len(examples) == 538
    assert not rejected
    for example, row in zip(examples, rows, strict=True):
        replies = [f"{message.content}<|im_end|>" for message in example.messages if message.trained]
        assert learned(row, tokenizer) == replies
