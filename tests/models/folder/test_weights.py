"""A model has the weights of its files and no others."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from support.families import FAMILIES
from trajectune.errors import ModelError
from trajectune.models.folder.weights import read_shapes
from trajectune.models.identity import weights_digest
from trajectune.models.loading import load_model

Weights = dict[str, torch.Tensor]
UP = "model.layers.3.mlp.up_proj.weight"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return FAMILIES["llama-3"].write(tmp_path_factory.mktemp("sound") / "model")


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "model"))


def weights_of(folder: Path) -> Weights:
    return load_file(folder / "model.safetensors")


def write(folder: Path, weights: Weights, file: str = "model.safetensors") -> None:
    save_file(weights, folder / file, {"format": "pt"})


def shard(folder: Path) -> dict[str, str]:
    """Spread the weights over two files; gives which is where."""
    weights = weights_of(folder)
    (folder / "model.safetensors").unlink()
    names = [f"model-0000{1 + (number % 2)}-of-00002.safetensors" for number in range(len(weights))]
    places = dict(zip(sorted(weights), names, strict=True))
    for name in set(names):
        write(folder, {key: weights[key] for key in places if places[key] == name}, name)
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": places}), "utf-8"
    )
    return places


def head(rest: str) -> bytes:
    """A file with a head that says this of one tensor."""
    text = f'{{"a":{{"dtype":"F32",{rest}}}}}'.ljust(96).encode()
    return struct.pack("<Q", len(text)) + text + b"abcd"


def refused(folder: Path, match: str) -> ModelError:
    with pytest.raises(ModelError, match=match) as caught:
        load_model(str(folder), "float32", "cpu")
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_loads_as_it_was_saved(family: str, tmp_path: Path) -> None:
    made = FAMILIES[family].network()
    loaded = load_model(str(FAMILIES[family].write(tmp_path)), "float32", "cpu").model
    ids = torch.arange(12)[None]
    with torch.inference_mode():
        torch.testing.assert_close(loaded(ids).logits, made(ids).logits)


def test_shards_load_and_a_missing_one_is_named(folder: Path) -> None:
    places = shard(folder)
    load_model(str(folder), "float32", "cpu")
    (folder / places[UP]).unlink()
    assert "index.json" in refused(folder, places[UP]).where


def test_a_shard_that_lacks_tensors_is_refused(folder: Path) -> None:
    places = shard(folder)
    file = folder / places[UP]
    write(folder, {name: weight for name, weight in load_file(file).items() if name != UP}, file.name)
    refused(folder, rf"1 missing: {UP}")


def test_an_index_leads_to_no_other_folder(folder: Path, tmp_path: Path) -> None:
    places = shard(folder)
    shutil.copy(folder / places[UP], tmp_path / "other.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text(
        json.dumps({"metadata": {}, "weight_map": {**places, UP: "../other.safetensors"}}), "utf-8"
    )
    refused(folder, "not there: ../other")
    index.write_text(json.dumps({"weight_map": [1]}), "utf-8")
    refused(folder, "names no weight files")


def test_layers_that_no_file_holds_are_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 7}), "utf-8")
    refused(folder, "describes 7 layers, the weight files hold 4")


def test_fewer_layers_than_the_files_hold_are_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}), "utf-8")
    refused(folder, r"9 unexpected: model\.layers\.3")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda w: w.pop(UP), f"1 missing: {UP}"),
        (lambda w: w.update(more=torch.ones(2)), "1 unexpected: more"),
        (
            lambda w: w.update({UP: w[UP][:-1].clone()}),
            rf"shape: {UP} \[63, 48\] instead of \[64",
        ),
        (lambda w: w.update({UP: w[UP].T.contiguous()}), "1 of another shape"),
        (lambda w: w.clear(), "hold 0"),
    ],
)
def test_other_weights_than_described_are_named(folder: Path, change: object, match: str) -> None:
    weights = weights_of(folder)
    change(weights)  # pyright: ignore[reportCallIssue]
    write(folder, weights)
    refused(folder, match)


def test_buffers_of_older_files_do_no_harm(folder: Path) -> None:
    write(folder, {**weights_of(folder), "model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(6)})
    load_model(str(folder), "float32", "cpu")


@pytest.mark.parametrize("kept", [True, False])
def test_a_tied_head_may_be_in_the_file_or_not(tmp_path: Path, kept: bool) -> None:
    folder = FAMILIES["gemma"].write(tmp_path)
    weights = weights_of(folder)
    assert "lm_head.weight" not in weights
    if kept:
        write(folder, {**weights, "lm_head.weight": weights["model.embed_tokens.weight"].clone()})
    load_model(str(folder), "float32", "cpu")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 7,
        struct.pack("<Q", 1 << 60) + b"{}",
        struct.pack("<Q", 100_000_000) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 80)
        + b'{"a":{"dtype":"F32","shape":[4000000000],"data_offsets":[0,16000000000]}}'.ljust(80),
        struct.pack("<Q", 70)
        + b'{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}'.ljust(70)
        + b"abcd",
        struct.pack("<Q", 70)
        + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[2,1]}}'.ljust(70)
        + b"abcd",
    ],
)
def test_a_file_whose_head_lies_is_named(folder: Path, data: bytes) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(data)
    assert refused(folder, "the weight file is damaged").where == str(file)
    for reads in (weights_digest, lambda folder: read_shapes([folder / "model.safetensors"])):
        with pytest.raises(ModelError, match="damaged") as caught:
            reads(folder)
        assert caught.value.where == str(file)


def test_a_truncated_file_is_named(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    assert refused(folder, "damaged").where == str(file)
    with pytest.raises(ModelError, match="damaged"):
        weights_digest(folder)
