"""The named templates, and tokenizers that are given one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.models import Tiny
from trajectune.errors import ModelError, RecipeError
from trajectune.models.templates import TEMPLATES, load_tokenizer

CONTENTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Tiny(layers=1).write(tmp_path_factory.mktemp("models") / "tiny")


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_named_template_takes_the_place_of_the_models_own(folder: Path, name: str) -> None:
    own, given_ = load_tokenizer(str(folder)), load_tokenizer(str(folder), name)
    assert given_.chat_template == TEMPLATES[name]
    assert own.chat_template == load_tokenizer(str(folder)).chat_template
    assert given_.get_vocab() == own.get_vocab()


@pytest.mark.parametrize("name", TEMPLATES)
@settings(max_examples=30, deadline=None)
@given(contents=st.lists(CONTENTS, min_size=3, max_size=7).filter(lambda found: len(found) % 2))
def test_the_text_before_a_reply_begins_the_text_with_it(
    folder: Path, name: str, contents: list[str]
) -> None:
    tokenizer = load_tokenizer(str(folder), name)
    turns = [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(contents)]
    texts = [
        str(tokenizer.apply_chat_template(turns[:count], tokenize=False, add_generation_prompt=True))
        for count in range(1, len(turns) + 1, 2)
    ]
    whole = str(tokenizer.apply_chat_template(turns, tokenize=False))
    for count, text in zip(range(1, len(turns), 2), texts, strict=False):
        assert whole.startswith(text)
        reply = turns[count]["content"].strip()
        assert whole[len(text) :].lstrip().startswith(reply)


def test_llama_2_insists_on_turns(folder: Path) -> None:
    tokenizer = load_tokenizer(str(folder), "llama-2")
    with pytest.raises(Exception, match="must take turns, the user first"):
        tokenizer.apply_chat_template([{"role": "assistant", "content": "Hi"}], tokenize=False)


def test_unknown_templates_and_models_are_explained(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="unknown chat template 'llama-4'") as caught:
        load_tokenizer(str(folder), "llama-4")
    assert "agent-flan" in caught.value.remedy
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="the tokenizer cannot be loaded"):
        load_tokenizer(str(tmp_path))
