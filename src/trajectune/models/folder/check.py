"""Whether a model can be worked with, found out before any work from all but the numbers in its weights."""

from __future__ import annotations

from pathlib import Path

from transformers import PreTrainedConfig

from trajectune.models.chat.renderer import renderer_of
from trajectune.models.folder.config import read_config
from trajectune.models.folder.hub import hub_folder
from trajectune.models.folder.lora import check_adapter, embedding_rows
from trajectune.models.folder.names import adapter_base, resolve_model
from trajectune.models.folder.support import check_supported
from trajectune.models.folder.tokenizer import check_vocabulary, has_tokenizer, read_tokenizer
from trajectune.models.folder.weights import check_size
from trajectune.models.quiet import quiet


def check_model(name: str, *, template: bool = True) -> PreTrainedConfig:
    """The configuration of a model that can be loaded, found in well under a second. Raises ModelError.

    Of a hub's model only the small files are brought. Without `template` it needs no chat template.
    """
    source = resolve_model(name)
    base = adapter_base(source)
    model = source if base is None else base
    with quiet():
        folder = model if isinstance(model, Path) else hub_folder(model, weights=False)
        config = read_config(folder)
        check_supported(config, folder)
        if isinstance(model, Path):
            check_size(config, folder)
        rows, place = int(config.get_text_config().vocab_size), folder
        if base is not None:
            place = Path(source)
            check_adapter(place)
            rows = embedding_rows(place) or rows
        tokenizer = read_tokenizer(place if has_tokenizer(place) else folder)
        check_vocabulary(tokenizer, rows, place)
    if template:
        renderer_of(tokenizer)
    return config
