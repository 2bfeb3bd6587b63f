"""Hub names: told in seconds what cannot be had; what is in the cache works without the hub."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from trajectune.errors import ModelError
from trajectune.models.folder import hub
from trajectune.models.folder.check import check_model
from trajectune.models.loading import layer_count, load_model
from trajectune.models.templates import load_tokenizer

NAME = "someone/some-model"


def answers(monkeypatch: pytest.MonkeyPatch, status: int | Exception) -> None:
    def head(url: str, **_: object) -> httpx.Response:
        assert NAME in url
        if isinstance(status, Exception):
            raise status
        return httpx.Response(status)

    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(httpx, "head", head)


@pytest.mark.parametrize(
    ("status", "match"),
    [
        (404, "no such model"),
        (401, "no such model, or does not show it"),
        (503, "does not answer properly"),
        (httpx.ConnectError("refused"), "cannot be reached"),
        (httpx.ReadTimeout("slow"), "cannot be reached"),
    ],
)
@pytest.mark.parametrize("use", [load_model, layer_count, check_model, load_tokenizer])
def test_what_the_hub_does_not_give_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch, status: int | Exception, match: str, use: Callable[[str], object]
) -> None:
    answers(monkeypatch, status)
    start = time.perf_counter()
    with pytest.raises(ModelError, match=match) as caught:
        use(NAME)
    assert time.perf_counter() - start < 5
    assert caught.value.where == NAME
    assert "embedded" in caught.value.remedy


@pytest.mark.parametrize("name", ["a b", "x" * 200, "a/b?c", "..", "\0", "ünïcode/model", ""])
def test_what_is_no_hub_name_is_not_asked_for(name: str) -> None:
    with pytest.raises(ModelError):
        load_model(name, "float32", "cpu")


def cache(monkeypatch: pytest.MonkeyPatch, folder: Path | None) -> list[tuple[tuple[str, ...], bool]]:
    """Stands for the hub's client; gives what it is asked for."""
    asked: list[tuple[tuple[str, ...], bool]] = []

    def snapshot(name: str, *, allow_patterns: list[str], local_files_only: bool) -> str:
        assert name == NAME
        asked.append((tuple(allow_patterns), local_files_only))
        if folder is None:
            raise LocalEntryNotFoundError("nothing here")
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    return asked


def test_only_what_is_read_is_brought(monkeypatch: pytest.MonkeyPatch, tiny_dir: Path) -> None:
    answers(monkeypatch, 200)
    asked = cache(monkeypatch, tiny_dir)
    check_model(NAME)
    assert not any("safetensors" in pattern for patterns, _ in asked for pattern in patterns)
    load_model(NAME, "float32", "cpu")
    assert asked[-1] == (("model.safetensors",), False)
    assert not any(pattern.endswith((".bin", ".py")) for patterns, _ in asked for pattern in patterns)


def test_an_index_says_which_files_are_brought(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_dir: Path
) -> None:
    folder = Path(shutil.copytree(tiny_dir, tmp_path / "model"))
    index = folder / "model.safetensors.index.json"
    index.write_text('{"weight_map": {"a": "one.safetensors", "b": "one.safetensors"}}', "utf-8")
    answers(monkeypatch, 200)
    asked = cache(monkeypatch, folder)
    hub.hub_folder(NAME)
    assert asked[-1][0] == (index.name, "one.safetensors")


def test_the_cache_works_without_the_hub(monkeypatch: pytest.MonkeyPatch, tiny_dir: Path) -> None:
    answers(monkeypatch, httpx.ConnectError("refused"))
    asked = cache(monkeypatch, tiny_dir)
    assert load_model(NAME, "float32", "cpu").name == NAME
    assert all(local for _, local in asked)
    cache(monkeypatch, None)
    with pytest.raises(ModelError, match="is not here: the hub cannot be reached"):
        load_model(NAME, "float32", "cpu")


def test_offline_means_that_nobody_is_asked(monkeypatch: pytest.MonkeyPatch, tiny_dir: Path) -> None:
    answers(monkeypatch, AssertionError("asked"))
    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", True)
    cache(monkeypatch, tiny_dir)
    load_model(NAME, "float32", "cpu")
