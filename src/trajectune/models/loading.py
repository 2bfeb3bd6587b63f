"""From a model's name to a model and its tokenizer, for tuning, decoding and evaluation alike.

The idea: `embedded`, `tiny`, a folder, a folder with a LoRA adapter and a hub name are all just names.

Invariants: weights come from safetensors and never from pickle; no code from a model repository runs;
whatever a user can get wrong is a `ModelError` that says what to do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import huggingface_hub
import torch
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from trajectune.errors import ModelError
from trajectune.models.embedded import EMBEDDED, embedded_model
from trajectune.models.identity import check_template
from trajectune.models.precision import fastest_dtype
from trajectune.models.quiet import quiet
from trajectune.models.tiny import TINY, tiny_model

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_NO_SAFETENSORS = "convert the weights with `save_pretrained`, which writes safetensors; pickle is not read"


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A causal language model in evaluation mode, with the tokenizer that belongs to it."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str
    """As the user gave it; for reports."""

    @property
    def device(self) -> torch.device:
        return self.model.device

    @property
    def dtype(self) -> torch.dtype:
        return self.model.dtype

    @property
    def max_context(self) -> int:
        """Positions the model was made for, in tokens."""
        config = self.model.config.get_text_config()
        return int(getattr(config, "max_position_embeddings", None) or 1 << 20)

    @property
    def end_tokens(self) -> tuple[int, ...]:
        """Tokens that end a reply: the generation config's, and the tokenizer's end token."""
        configured = getattr(self.model.generation_config, "eos_token_id", None)
        ids = configured if isinstance(configured, list) else [configured]
        ids = [*ids, self.tokenizer.eos_token_id]
        return tuple(dict.fromkeys(int(token) for token in ids if token is not None))


def resolve_model(name: str) -> Path | str:
    """What `from_pretrained` understands: a folder for `embedded`, `tiny` and paths, else the hub name.

    Raises ModelError for a path that does not exist or is no model folder.
    """
    if name == EMBEDDED:
        return embedded_model()
    if name == TINY:
        return tiny_model()
    path = Path(name).expanduser()
    if path.is_dir():
        if not any((path / file).is_file() for file in ("config.json", "adapter_config.json")):
            raise ModelError(
                "the folder holds no model",
                where=str(path),
                remedy="give the folder that contains config.json and the weights",
            )
        return path
    if path.exists() or name.startswith(("/", ".", "~")) or name.count("/") > 1:
        raise ModelError(
            "there is no such model folder",
            where=name,
            remedy="check the path, or use `embedded` or a hub name",
        )
    return name


def adapter_base(source: Path | str) -> Path | str | None:
    """The base model of a folder with a LoRA adapter, resolved; `None` for any other source.

    Raises ModelError for an adapter that cannot be read, names no base, or has its weights in pickle.
    """
    if not isinstance(source, Path) or not (source / "adapter_config.json").is_file():
        return None
    if not (source / "adapter_model.safetensors").is_file():
        raise ModelError(
            "the adapter has no safetensors weights", where=str(source), remedy=_NO_SAFETENSORS
        )
    try:
        base = json.loads((source / "adapter_config.json").read_text("utf-8"))["base_model_name_or_path"]
    except (OSError, ValueError, KeyError, TypeError):
        base = None
    if not base:
        raise ModelError(
            "the adapter does not say what its base model is",
            where=str(source / "adapter_config.json"),
            remedy="name it there as `base_model_name_or_path`",
        )
    return resolve_model(str(base))


def layer_count(name: str) -> int:
    """Layers of a model, from its configuration alone. Raises ModelError."""
    source = resolve_model(name)
    with _user_errors(name), quiet():
        source = adapter_base(source) or source
        config = AutoConfig.from_pretrained(
            source, trust_remote_code=False, local_files_only=_is_local(source)
        )
        return int(config.get_text_config().num_hidden_layers)


def load_model(
    name: str, dtype: str = "auto", device: str = "auto", *, allow_other_template: bool = False
) -> LoadedModel:
    """Loads a model for inference; a folder with a LoRA adapter is merged into its base model.

    `dtype` is `float32`, `bfloat16` or `auto` (`fastest_dtype`); `device` is `cpu`, `cuda`, `cuda:1`, …
    or `auto` (the GPU if there is one). A tuned model whose tokenizer or chat template is another than the
    one that it was tuned with is refused, unless `allow_other_template`. Raises ModelError.
    """
    where = _device(device)
    number = fastest_dtype(where) if dtype == "auto" else _DTYPES.get(dtype)
    if number is None:
        raise ModelError(f"unknown dtype {dtype!r}", remedy=f"use auto, {' or '.join(_DTYPES)}")
    source = resolve_model(name)
    with _user_errors(name), quiet():
        if (base := adapter_base(source)) is not None:
            model, tokenizer = _load_adapter(Path(source), base, number)
        else:
            model, tokenizer = _load_plain(source, number)
        if not allow_other_template:
            check_template(source, tokenizer)
        return LoadedModel(model.to(where).eval(), tokenizer, name)  # pyright: ignore[reportArgumentType]


def _device(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise ModelError(f"unknown device {device!r}", remedy="use auto, cpu or cuda") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise ModelError("there is no CUDA device here", remedy="use --device cpu or auto")
    return device


def _load_plain(source: Path | str, dtype: torch.dtype) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    local = _is_local(source)
    tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False, local_files_only=local)
    model = AutoModelForCausalLM.from_pretrained(
        source, dtype=dtype, use_safetensors=True, trust_remote_code=False, local_files_only=local
    )
    return model, tokenizer


def _is_local(source: Path | str) -> bool:
    """Whether the hub need not or cannot be asked; what is in its cache works without it.

    Asking an unreachable hub takes the client about 45 s of retries.
    """
    if isinstance(source, Path):
        return True
    try:
        httpx.head(huggingface_hub.constants.ENDPOINT, timeout=5)
    except httpx.HTTPError:
        return True
    return False


def _load_adapter(
    folder: Path, base: Path | str, dtype: torch.dtype
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    from peft import PeftModel  # only needed here, and slow to import

    model, tokenizer = _load_plain(base, dtype)
    if (folder / "tokenizer_config.json").is_file():
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    merged = PeftModel.from_pretrained(model, str(folder)).merge_and_unload()  # pyright: ignore[reportCallIssue]
    return merged, tokenizer


@contextmanager
def _user_errors(name: str) -> Iterator[None]:
    """Turns what the libraries raise for a user's mistake into ModelError."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ModelError(
            "the model does not fit into the device's memory",
            where=name,
            remedy="use dtype bfloat16, a smaller model, or device cpu",
        ) from error
    except (OSError, ValueError, KeyError, ImportError, SafetensorError) as error:
        raise ModelError(
            f"the model cannot be loaded: {str(error).strip().splitlines()[0] if str(error) else error!r}",
            where=name,
            remedy=_remedy(str(error)),
        ) from error


def _remedy(message: str) -> str:
    if "safetensors" in message:
        return _NO_SAFETENSORS
    if "trust_remote_code" in message:
        return "the model needs code of its own, which is not run; choose a model that transformers knows"
    return "check the name; where no hub is reachable, give a folder with the model or use `embedded`"
