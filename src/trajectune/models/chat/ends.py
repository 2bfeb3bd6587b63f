"""The tokens with which a chat template ends a turn."""

from __future__ import annotations

import functools

from transformers import PreTrainedTokenizerBase

from trajectune.errors import ModelError
from trajectune.models.chat.renderer import hidden_tokens, renderer_of


def turn_ends(tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    """The special tokens with which the chat template ends a reply, and one with calls; the former first.

    Empty where there is no template, or where it ends turns in words.
    """
    return _turn_ends(tokenizer, str(tokenizer.chat_template or ""))


@functools.lru_cache(maxsize=8)
def _turn_ends(tokenizer: PreTrainedTokenizerBase, template: str) -> tuple[int, ...]:
    if not template:
        return ()
    try:
        renderer = renderer_of(tokenizer)
        markers = [renderer.turn[1], renderer.call_end]
    except ModelError:
        return ()
    special = hidden_tokens(tokenizer)
    last = [tokenizer(marker, add_special_tokens=False)["input_ids"][-1:] for marker in markers if marker]
    return tuple(dict.fromkeys(int(token) for ids in last for token in ids if token in special))
