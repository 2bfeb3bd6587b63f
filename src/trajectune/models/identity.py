"""Digests that say which weights and which tokenizer with its chat template something was made with.

Invariant: a digest follows from the contents alone, never from names, places or times.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from trajectune.models.loading import adapter_base

LENGTH = 16
"""Hexadecimal digits of a digest."""


def weights_digest(folder: Path) -> str:
    """Digest of the safetensors files of a model's folder; an adapter's takes in its base model's."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    base = adapter_base(folder)
    if base is not None:
        digest.update((weights_digest(base) if isinstance(base, Path) else base).encode())
    return digest.hexdigest()[:LENGTH]


def template_digest(tokenizer: PreTrainedTokenizerBase) -> str:
    """Digest of a tokenizer's vocabulary and chat template."""
    digest = hashlib.sha256(str(tokenizer.chat_template).encode())
    for token, number in sorted(tokenizer.get_vocab().items()):
        digest.update(f"{number} {token!r}\n".encode())
    return digest.hexdigest()[:LENGTH]
