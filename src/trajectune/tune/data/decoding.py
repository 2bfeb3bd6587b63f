"""Whether tokens are a text: decoded, and compared with it.

The idea: most tokenizers give back what they were given. Some do not, by design: SentencePiece-like ones
put a space before a text or behind a mark, and marks swallow the space around them (Phi-3). What such a
tokenizer itself adds or takes beside its marks is no difference in the words, so there, and only there,
space at the edges of marks and of the reply does not count. All normal forms of Unicode that are
canonically equal count as the same.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase


def decodes(
    rows: Sequence[tuple[list[int], list[int]]], texts: Sequence[str], tokenizer: PreTrainedTokenizerBase
) -> bool:
    """Whether the second ids of each row, behind the first, decode to its text.

    What stands before matters: some decoders drop a space at the beginning of a text.
    """
    prompts = texts_of([before for before, _ in rows], tokenizer)
    together = texts_of([before + ids for before, ids in rows], tokenizer)
    marks = _spaced_marks(tokenizer, str(tokenizer.chat_template))
    expected = [prompt + text for prompt, text in zip(prompts, texts, strict=True)]
    return all(
        whole == wanted or _plain(whole, marks) == _plain(wanted, marks)
        for whole, wanted in zip(together, expected, strict=True)
    )


def texts_of(ids: list[list[int]], tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Each list of ids as text, with nothing left out or tidied up."""
    return tokenizer.batch_decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)


@functools.lru_cache(maxsize=8)
def anchor(tokenizer: PreTrainedTokenizerBase) -> str:
    """The text of a special token behind which any text is the continuation of one; empty if none."""
    for number, token in sorted(tokenizer.added_tokens_decoder.items()):
        ids = tokenizer(f"{token}\n x", add_special_tokens=False)["input_ids"]
        if token.special and not token.rstrip and ids[0] == number and len(ids) > 1:
            return str(token)
    return ""


@functools.lru_cache(maxsize=8)
def _spaced_marks(tokenizer: PreTrainedTokenizerBase, template: str) -> re.Pattern[str] | None:
    """Finds marks with the space around them, where the tokenizer changes it; `None` where it does not."""
    del template  # with the tokenizer it tells one loaded model from another
    specials = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
    texts = [f"{mark}\nx{mark}" for mark in specials]
    ids = tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else []
    if texts_of([list(one) for one in ids], tokenizer) == texts:
        return None
    words = "|".join(re.escape(word) for word in sorted(specials, key=len, reverse=True))
    return re.compile(rf"\s*({words})\s*")


def _plain(text: str, marks: re.Pattern[str] | None) -> str:
    text = unicodedata.normalize("NFC", text)
    return marks.sub(r"\1", text).strip() if marks else text
