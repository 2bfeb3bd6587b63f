"""A configuration that lies is one clear error, in bounded time and memory."""

from __future__ import annotations

import json
import resource
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from support.families import FAMILIES
from trajectune.errors import ModelError
from trajectune.models.folder.check import check_model
from trajectune.models.loading import layer_count, load_model

SECONDS, MEGABYTES = 5.0, 400
SIZES = ["vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "max_position_embeddings"]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = FAMILIES["qwen2-moe"].write(tmp_path_factory.mktemp("sound") / "model")
    load_model(str(folder), "float32", "cpu")  # whatever is imported only once
    return folder


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "model"))


def refused(folder: Path, match: str = "") -> None:
    start = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for use in (check_model, lambda name: load_model(name, "float32", "cpu")):
        with pytest.raises(ModelError, match=match) as caught:
            use(str(folder))
        assert str(folder) in caught.value.where
    assert time.perf_counter() - start < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEGABYTES << 10


def change(folder: Path, **values: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | values), "utf-8")


@pytest.mark.parametrize("key", SIZES)
@pytest.mark.parametrize("value", [-1, 0, 10**9, 10**30, "48", [], None, 1.5, True, {"a": 1}])
def test_a_size_that_no_model_has_is_named(folder: Path, key: str, value: object) -> None:
    change(folder, **{key: value})
    refused(folder, f"`{key}`")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("vocab_size", 10**7),
        ("hidden_size", 2**20),
        ("num_hidden_layers", 4_000),
        ("num_experts", 10**9),
        ("num_experts", 10**7),
        ("moe_intermediate_size", 10**7),
        ("num_attention_heads", 5),
        ("num_key_value_heads", 3),
        ("head_dim", 2**20),
        ("layer_types", ["full_attention"] * 1_000),
        ("layer_types", ["x"] * 4),
        ("torch_dtype", "float3"),
        ("rope_parameters", {"rope_type": "nothing"}),
        ("hidden_act", "nothing"),
        ("model_type", "nothing"),
        ("model_type", 7),
        ("text_config", {"num_hidden_layers": 10**9}),
        ("quantization_config", {"quant_method": "gptq", "bits": 4}),
        ("auto_map", {"AutoConfig": "evil.Config"}),
        ("nested", [[[[[[]]]]]]),
    ],
)
def test_a_size_that_the_weights_do_not_have_is_refused(folder: Path, key: str, value: object) -> None:
    change(folder, **{key: value})
    if key in ("auto_map", "nested", "torch_dtype"):  # of no consequence, as long as nothing of it is run
        load_model(str(folder), "float32", "cpu")
    else:
        refused(folder)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "3",
        "null",
        "{",
        '{"vocab_size": NaN}',
        '{"rms_norm_eps": 1e999}',
        "[" * 200_000,
        "\ufeff\x00",
    ],
)
def test_what_is_no_configuration_is_refused(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text, "utf-8")
    refused(folder, "cannot be read|found")
    with pytest.raises(ModelError):
        layer_count(str(folder))


def test_nesting_and_lists_have_an_end(folder: Path) -> None:
    nested: dict[str, Any] = {}
    for _ in range(100):
        nested = {"a": nested}
    change(folder, nested=nested)
    refused(folder, "nested too deep")


def test_many_claimed_positions_cost_nothing(folder: Path) -> None:
    from trajectune.composition.composition import Composition
    from trajectune.engine.engine import Engine
    from trajectune.engine.requests import Request

    llama = FAMILIES["llama-3"].write(folder.parent / "llama")
    change(llama, max_position_embeddings=1 << 24)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    loaded = load_model(str(llama), "float32", "cpu")
    engine = Engine(Composition.single(loaded), max_batch=1, max_context=64)
    assert len(engine.generate([Request([5, 6], 4, stop_tokens=())])[0].tokens) == 4
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEGABYTES << 10
