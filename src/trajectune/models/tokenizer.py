"""A model's tokenizer, and whether the model has a row for each of its tokens."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from trajectune.errors import ModelError
from trajectune.models.guard import library_errors


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder has a tokenizer of its own; an adapter may use its base's."""
    return (folder / "tokenizer_config.json").is_file()


def read_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer in a folder. Raises ModelError."""
    with library_errors(folder, "the tokenizer cannot be loaded"):
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)


def check_vocabulary(tokenizer: PreTrainedTokenizerBase, rows: int, where: Path | str) -> None:
    """Raises ModelError where the tokenizer has tokens beyond the `rows` of the model's embedding."""
    tokens = max([len(tokenizer), *(number + 1 for number in tokenizer.added_tokens_decoder)])
    if tokens > rows:
        raise ModelError(
            f"the tokenizer has {tokens:,} tokens, the model's embedding {rows:,} rows",
            where=str(where),
            remedy="take the tokenizer that belongs to the model, or resize the model's embedding "
            "(`resize_token_embeddings`) and save it",
        )
