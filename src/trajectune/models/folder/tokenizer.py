"""A model's tokenizer, and whether the model has a row for each of its tokens."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from trajectune.errors import ModelError
from trajectune.models.folder.guard import library_errors


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder has a tokenizer of its own; an adapter may use its base's."""
    return (folder / "tokenizer_config.json").is_file()


def read_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer in a folder. Raises ModelError.

    Where its files are missing transformers makes one for some families that has special tokens alone.
    """
    with library_errors(folder, "the tokenizer cannot be loaded"):
        found = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        empty = len(found) <= len(found.added_tokens_decoder)
    if empty:
        raise ModelError(
            "the tokenizer cannot be loaded: it has no words",
            where=str(folder),
            remedy="put the model's tokenizer.json into the folder",
        )
    # Whoever encodes here counts tokens and cuts; the library's own word about long texts helps nobody.
    found.deprecation_warnings["sequence-length-is-longer-than-the-specified-maximum"] = True
    return found


def check_vocabulary(tokenizer: PreTrainedTokenizerBase, rows: int, where: Path | str) -> None:
    """Raises ModelError where text can become a token beyond the `rows` of the model's embedding.

    A special token that no conversation has may lack a row (Gemma 3's image token does); tokens of ordinary
    text, those that the chat template writes, and those at the ends of a text may not.
    """
    added = tokenizer.added_tokens_decoder
    highest = max([len(tokenizer) - 1, *added])
    if highest < rows:
        return
    homeless = {number: token for token, number in tokenizer.get_vocab().items() if number >= rows}
    template = str(tokenizer.chat_template or "")
    used = {str(token) for token in (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token)}
    special = {number for number, token in added.items() if token.special}
    wanted = [n for n, token in homeless.items() if n not in special or token in used or token in template]
    if wanted:
        raise ModelError(
            f"the tokenizer has {max(homeless) + 1:,} tokens, the model's embedding {rows:,} rows: "
            f"{homeless[min(wanted)]!r} has none",
            where=str(where),
            remedy="use the tokenizer that belongs to the model, or resize the model's embedding to it "
            "(`model.resize_token_embeddings(len(tokenizer))`) and save both",
        )
