"""Whatever a user gives a command, it ends well or with a remedy and status 2, never in a traceback."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Command = Callable[..., Any]
CASES = int(os.environ.get("TRAJECTUNE_TEST_CASES", "6"))
"""How many places each command is given, and recipes five times as many; set higher for a longer search."""


@pytest.fixture
def places(tmp_path: Path) -> list[Path]:
    """What may stand where a file or folder is asked for."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    contents = {
        "binary": bytes(range(256)) * 40,
        "ünïcödé 名前 [red]\n\x1b[2J": b"{}",
        "null": b"null",
        "numbers": b"[1, 2, 3]",
        "deep": b"[" * 100_000,
        "long": b"1" * 10_000,
        "surrogate": b'{"a": "\\ud800"}',
        "utf-16": "name: x".encode("utf-16"),
        "bomb": b"a: &a [x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nname: *c\n",
        "tagged": b"name: !!python/object/apply:os.system [id]\n",
        "cyclic": b"name: &a [*a]\n",
        "keys": b"1: 2\nnull: 3\n[a, b]: 4\n",
    }
    for number, (name, content) in enumerate(contents.items()):
        for suffix in (".yaml", ".jsonl", ".json", ".parquet", ".gz"):
            (tmp_path / f"{number}{name}{suffix}").write_bytes(content)
    found = [path for path in tmp_path.iterdir() if path.name != "folder"]
    return [
        *found,
        tmp_path / "folder",
        tmp_path / "empty" / "below",
        tmp_path / ("x" * 300),
        Path("/dev/null"),
    ]


COMMANDS: list[list[str]] = [
    ["run", "PATH"],
    ["plan", "PATH", "--rate", "1"],
    ["run", "PATH", "--run-dir", "PATH"],
    ["clean", "PATH"],
    ["chat", "PATH"],
    ["tune", "--data", "PATH", "--model", "/no/model"],
    ["evaluate", "--model", "PATH", "--environment", "database", "--run-dir", "DIR"],
    ["data", "inspect", "PATH"],
    ["data", "inspect", "DATA", "--model", "PATH"],
    ["data", "convert", "PATH", "out.jsonl", "--to", "openai"],
    ["data", "convert", "DATA", "PATH", "--to", "sharegpt"],
    ["data", "masks", "PATH", "--model", "tiny"],
    ["environments", "check", "PATH"],
    ["environments", "check", "database", "-o", "source=PATH"],
    ["environments", "play", "PATH"],
    ["shrink", "PATH", "--layers", "2", "--out", "DIR"],
    ["emulate", "generate", "hi", "--large", "PATH", "--tuned", "PATH", "--base", "PATH"],
    ["serve", "PATH", "--port", "0"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_anything_in_place_of_a_path(
    command: list[str], trajectune: Command, places: list[Path], tmp_path: Path
) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text('{"instruction": "Hi", "input": "", "output": "Ho"}\n')
    rng = random.Random(" ".join(command))
    for place in rng.sample(places, min(CASES, len(places))):
        named = {"PATH": str(place), "DIR": str(tmp_path / "work"), "DATA": str(data)}
        ended = trajectune(*[_filled(word, named) for word in command])
        assert ended.status in (0, 1, 2), place
        assert "Traceback" not in ended.err


def _filled(word: str, named: dict[str, str]) -> str:
    for key, value in named.items():
        word = word.replace(key, value)
    return word


WHOLE: dict[str, Any] = {
    "name": "x",
    "seed": 1,
    "model": "/no/such/model",
    "dialect": "react",
    "environments": {"database": {"environment": "", "options": {"train": 4, "test": 4}, "collect": 2}},
    "agent": {"kind": "expert", "url": "", "workers": 2, "temperature": 0.5},
    "rollout": {"max_new_tokens": 3, "repetition_limit": 2},
    "curate": {
        "eta": 0.5,
        "agent": {"mine": {"data": "/no/data.jsonl", "rows": 3}},
        "general": {"own": {"data": "self", "weight": 1.0}},
        "steps": ["filter", {"deduplicate": None}],
        "validation": 2,
    },
    "tune": {"epochs": 1.0, "lora": {"rank": 2}, "betas": [0.9, 0.9], "device": "cpu", "teacher": ""},
    "evaluate": {"general": True, "references": {"m": {"s": 1.0}}},
    "suites": {"s": {"suite": "no.module:Class"}},
    "study": {
        "seeds": [0],
        "arms": {"a": {"curate.eta": 1.0}},
        "systems": {"s": "a/tuned", "e": {"form": "upscale", "models": {"large": "a/base"}}},
        "comparisons": {"changes": [["s", "s"]], "curves": {"w": {0.5: "s"}}},
    },
}
WRONG: list[Any] = [
    None, True, -1, 0, 10**30, float("inf"), float("nan"), 0.5, "", "x", "\x00", "a\nb", "../..",
    "é" * 5_000, "self", "hf:", "hf:/", "package.module:Class", "os:system", ":", [], [[]], [None],
    ["x", 1], {}, {"x": {}}, {"": ""}, {1: 2}, {"a.b": {"c": 1}},
]  # fmt: skip


def _mutated(rng: random.Random) -> dict[str, Any]:
    """A recipe with one place or two set to something else, and a few sections left out."""
    data = yaml.safe_load(yaml.safe_dump(WHOLE))
    for key in rng.sample(sorted(data), rng.randrange(4)):
        del data[key]
    for _ in range(rng.choice([1, 1, 2])):
        place: Any = data
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = rng.choice(keys)
            if isinstance(place[key], dict | list) and place[key] and rng.random() < 0.8:
                place = place[key]
                continue
            place[key] = rng.choice(WRONG)
            break
    return data


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_recipe_that_is_wrong_anywhere(command: str, trajectune: Command, tmp_path: Path) -> None:
    rng = random.Random(f"recipes {command}")
    for number in range(5 * CASES):
        data = _mutated(rng)
        path = tmp_path / f"{number}.yaml"
        path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
        more = ["--rate", "1"] if command == "plan" else ["--run-dir", str(tmp_path / "run")]
        ended = trajectune(command, path, *more)
        assert ended.status == 2 or (command == "plan" and ended.status == 0), data
        assert "Traceback" not in ended.err


@pytest.mark.parametrize("name", ["", "é", "os:system", ":", "[red]", "x" * 5_000, "..", "\ud800"])
def test_a_name_that_is_none(name: str, trajectune: Command, tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text('{"instruction": "Hi", "input": "", "output": "Ho"}\n')
    for command in (
        ["environments", "check", name],
        ["environments", "check", "database", "-o", f"{name}=1"],
        ["environments", "play", "database", "--task", name],
        ["environments", "play", "database", "--split", name],
        ["data", "convert", data, "out.jsonl", "--to", name],
        ["data", "convert", data, "out.jsonl", "--to", "openai", "--from", name],
        ["data", "masks", data, "--model", "tiny", "--template", name],
        ["chat", name, "--device", name],
        ["chat", "tiny", "--device", name],
        ["chat", "tiny", "--dtype", name],
        ["run", data, "--set", f"{name}={name}"],
    ):
        ended = trajectune(*command)
        assert ended.status in (0, 2), command
        assert "Traceback" not in ended.err
