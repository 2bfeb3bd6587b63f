"""A tuned model as a folder: weights or adapters, tokenizer, where it comes from, where its replies end.

The idea: tuning teaches a model to end its turns as its chat template does. A base model, though, has an
end of text, not of turns, and whoever decodes it would wait for that one. So the folder says what was
learnt: `generation_config.json` (transformers, vLLM, our loader; beside adapters too) names the end-of-turn
tokens, and where the base model did not end there, so does the tokenizer (llama.cpp takes its end from it).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from trajectune.models.chat.ends import turn_ends
from trajectune.models.identity import Provenance, write_provenance
from trajectune.models.loading import LoadedModel
from trajectune.models.quiet import quiet
from trajectune.storage import read_json, write_json

GENERATION = "generation_config.json"


def adopt_end(loaded: LoadedModel) -> None:
    """Let the tokenizer of a model that does not end where its template ends a turn do so from now on.

    A template that writes the tokenizer's end itself would write something else then, so it stays there.
    """
    tokenizer = loaded.tokenizer
    ends = turn_ends(tokenizer)[:1]
    if ends and ends[0] not in loaded.own_ends and "eos_token" not in str(tokenizer.chat_template):
        tokenizer.eos_token = str(tokenizer.convert_ids_to_tokens(ends[0]))


def save_tuned(
    whole: Any, tokenizer: PreTrainedTokenizerBase | None, provenance: Provenance | None, folder: Path
) -> None:
    """Write a tuned model, or the adapters on it, into `folder`."""
    with quiet():
        whole.save_pretrained(folder)
        if hasattr(whole, "peft_config"):  # an adapter has no generation config of its own
            whole.get_base_model().generation_config.save_pretrained(folder)
        if tokenizer is not None:
            tokenizer.save_pretrained(folder)
            _note_ends(folder / GENERATION, turn_ends(tokenizer))
    if provenance is not None:
        write_provenance(folder, provenance)


def _note_ends(path: Path, ends: Sequence[int]) -> None:
    """Add end-of-turn tokens to a generation config.

    In the file: transformers refuses to save a changed one for faults that the published one had before.
    """
    config: dict[str, Any] = read_json(path) if path.is_file() else {}
    known = _listed(config.get("eos_token_id"))
    if not set(ends) <= set(known):
        write_json(
            path, config | {"eos_token_id": [*ends, *(token for token in known if token not in ends)]}
        )


def _listed(ids: int | list[int] | None) -> list[int]:
    return ids if isinstance(ids, list) else [] if ids is None else [ids]
