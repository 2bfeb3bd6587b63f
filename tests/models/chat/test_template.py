"""What running a template leaves behind."""

from __future__ import annotations

import gc
import weakref
from contextlib import suppress

from support.tokenizers import CHATML_SPECIALS, byte_level
from trajectune.errors import ModelError
from trajectune.models.chat.template import ChatTemplate

PICKY = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
REFUSAL = "{% if messages | length > 3 %}{{ messages[0].missing.missing }}{% endif %}"


class Large:
    """Stands for what a caller has on its stack."""


def test_a_refusal_keeps_nothing_of_the_stack() -> None:
    """Without the garbage collector: what a refusal's frames hold may be gigabytes."""
    tokenizer = byte_level(REFUSAL + PICKY, CHATML_SPECIALS)
    template = ChatTemplate(tokenizer)

    def refused() -> weakref.ref[Large]:
        large = Large()
        with suppress(ModelError):
            template.apply([{"role": "user", "content": "Hi."}] * 4, [], opened=False)
            raise AssertionError("the template was to refuse")
        return weakref.ref(large)

    gc.disable()
    try:
        assert refused()() is None
    finally:
        gc.enable()
