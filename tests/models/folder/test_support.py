"""What cannot be computed here is refused by name, from the configuration alone; no known family is."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import CONFIG_MAPPING

from support.families import FAMILIES
from trajectune.errors import ModelError
from trajectune.models.folder.check import check_model
from trajectune.models.folder.support import check_supported
from trajectune.models.loading import load_model

REFUSED = {
    "gpt_oss": "attention sinks",
    "mimo_v2_flash": "attention sinks",
    "deepseek_v2": "multi-head latent attention",
    "deepseek_v3": "multi-head latent attention",
    "kimi_linear": "multi-head latent attention",
    "minicpm3": "multi-head latent attention",
    "mamba": "linear_attention",
    "jamba": "linear_attention",
    "falcon_h1": "hybrid",
    "qwen3_next": "linear_attention",
    "lfm2_moe": "recurrent state",
    "rwkv": "cannot be replaced",
    "llama4_text": "chunked_attention",
    "bert": "both directions",
    "xlm-roberta": "both directions",
    "bart": "an encoder and a decoder",
    "whisper": "an encoder and a decoder",
    "t5": "no language model that writes",
    "vit": "no language model that writes",
    "clip": "no language model that writes",
    "bloom": "cannot be replaced",
    "falcon": "cannot be replaced",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_computed_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    CONFIG_MAPPING[kind]().save_pretrained(tmp_path)  # neither weights nor a tokenizer
    for use in (check_model, lambda name: load_model(name, "float32", "cpu")):
        with pytest.raises(ModelError, match=REFUSED[kind]) as caught:
            use(str(tmp_path))
        assert repr(kind) in caught.value.what
        assert "endpoint" in caught.value.remedy


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_supported(family: str, tmp_path: Path) -> None:
    check_model(str(FAMILIES[family].write(tmp_path)))


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("quantization_config", {"quant_method": "fp8"}, "quantised"),
        ("use_bidirectional_attention", True, "both directions"),
    ],
)
def test_a_common_kind_in_an_uncommon_form_is_refused(key: str, value: object, match: str) -> None:
    config = CONFIG_MAPPING["gemma3_text"]()
    check_supported(config, "here")
    setattr(config, key, value)
    with pytest.raises(ModelError, match=match):
        check_supported(config, "here")
