"""Folders that lie: whatever is wrong with a model's files, loading gives the model or one clear error."""

from __future__ import annotations

import json
import random
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from support.families import FAMILIES
from trajectune.errors import TrajectuneError
from trajectune.models.loading import load_model

SECONDS = 6.0
"""Far more than a load takes, for machines that do much else; without limits these took minutes."""
VALUES: list[Any] = [
    *[-1, 0, 1, 2, 7, 10**6, 10**9, 10**30, 1.5, -0.0, 1e300, True, False, None, "x", "48", "", [], {}],
    *[[48], {"a": 1}, [[]], [None] * 5, ["full_attention"], "bfloat16", "float8", ["LlamaForCausalLM"]],
]


def change(folder: Path, file: str = "config.json", **values: Any) -> None:
    path = folder / file
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | values), "utf-8")


def corrupt(folder: Path, rng: random.Random) -> str:
    """One random fault in one file; says which."""
    path = rng.choice(
        [each for each in sorted(folder.iterdir()) if each.name != "model.safetensors"] * 3
        + [folder / "model.safetensors", folder / "config.json", folder / "config.json"]
    )
    way = rng.choice(["value", "value", "value", "cut", "bytes", "empty", "gone", "not a mapping", "key"])
    if path.suffix == ".json" and way in ("value", "key"):
        data = json.loads(path.read_text("utf-8"))
        key = rng.choice(sorted(data))
        value = rng.choice(VALUES)
        if way == "key":
            value = data.pop(key)
            key = rng.choice(["hidden_size", "x", "auto_map", "text_config", "layer_types"])
        data[key] = value
        path.write_text(json.dumps(data), "utf-8")
        return f"{path.name}: {key} = {value!r}"
    data = path.read_bytes()
    if way == "gone":
        path.unlink()
    elif way == "not a mapping":
        path.write_text(rng.choice(["[]", "3", "null", '"text"', "{", "{}", "[" * 100_000]), "utf-8")
    elif way == "empty":
        path.write_bytes(b"")
    elif way == "bytes":
        changed = bytearray(data)
        for _ in range(8):
            changed[rng.randrange(min(len(changed), 4_000))] = rng.randrange(256)
        path.write_bytes(bytes(changed))
    else:
        path.write_bytes(data[: rng.randrange(len(data))])
    return f"{path.name}: {way}"


@pytest.mark.parametrize("family", ["llama-3", "qwen2-moe", "gemma3"])
def test_a_damaged_folder_gives_a_model_or_an_error_for_users(family: str, tmp_path: Path) -> None:
    sound = FAMILIES[family].write(tmp_path / "sound")
    load_model(str(sound), "float32", "cpu")
    rng = random.Random(family)
    loaded = 0
    for number in range(20):
        folder = Path(shutil.copytree(sound, tmp_path / str(number)))
        fault = corrupt(folder, rng)
        start, said = time.perf_counter(), None
        try:
            load_model(str(folder), "float32", "cpu")
            loaded += 1
        except TrajectuneError as error:
            said = error
        except Exception as error:
            raise AssertionError(fault) from error
        assert said is None or (str(folder) in said.where and len(said.what) < 600), fault
        assert time.perf_counter() - start < SECONDS, fault
    assert 0 < loaded < 20
