"""What a model's folder says about generating: here, the tokens that end a text.

Invariant: a damaged file is an error. transformers passes over it, and replies then run to their limit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import GenerationConfig, PreTrainedModel

from trajectune.errors import ModelError
from trajectune.models.folder.guard import library_errors
from trajectune.models.folder.names import read_object

GENERATION = "generation_config.json"


def read_generation(folder: Path) -> GenerationConfig | None:
    """The generation settings in a folder, also beside an adapter; `None` where there are none.

    Raises ModelError for a damaged file.
    """
    path = folder / GENERATION
    if not path.is_file():
        return None
    read_object(path)
    with library_errors(path, "the generation settings cannot be used"):
        return GenerationConfig.from_pretrained(str(folder), local_files_only=True)


def configured_ends(model: PreTrainedModel) -> list[Any]:
    """The end tokens of a model's generation settings."""
    found = getattr(model.generation_config, "eos_token_id", None)
    return [token for token in (found if isinstance(found, list) else [found]) if token is not None]


def check_ends(model: PreTrainedModel, folder: Path) -> None:
    """Raises ModelError where the end tokens are no token ids."""
    for token in configured_ends(model):
        if not isinstance(token, int) or not 0 <= token < 1 << 31:
            raise ModelError(
                f"the end token {token!r} is no token id",
                where=str(folder / GENERATION),
                remedy="give a whole number, or a list of them, as `eos_token_id`",
            )
