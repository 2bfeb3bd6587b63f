"""What a model's name stands for: `embedded`, `tiny`, a folder, a folder with an adapter, a hub name.

Invariants: a path is never looked up on the hub; an adapter's base is a whole model, never an adapter, so
that names cannot lead in a circle.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trajectune.errors import DataError, ModelError
from trajectune.models.embedded import EMBEDDED, embedded_model
from trajectune.models.folder.guard import NO_SAFETENSORS
from trajectune.models.tiny import TINY, tiny_model
from trajectune.storage import json_type, read_json

CONFIG, ADAPTER_CONFIG, ADAPTER_WEIGHTS = "config.json", "adapter_config.json", "adapter_model.safetensors"
_MAX_JSON = 16 << 20


def resolve_model(name: str) -> Path | str:
    """A folder for `embedded`, `tiny` and paths, else the hub name as it is.

    Raises ModelError for a path that does not exist or is no model folder.
    """
    if name == EMBEDDED:
        return embedded_model()
    if name == TINY:
        return tiny_model()
    try:
        return _folder(name)
    except (OSError, RuntimeError) as error:  # too long a name, no permission, no such home
        raise ModelError(
            f"the model folder cannot be read: {error}", where=name[:300], remedy="check the path"
        ) from error


def _folder(name: str) -> Path | str:
    path = Path(name).expanduser()
    if path.is_dir():
        if not any((path / file).is_file() for file in (CONFIG, ADAPTER_CONFIG)):
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


def is_adapter(source: Path | str) -> bool:
    """Whether a source is a folder with an adapter."""
    return isinstance(source, Path) and (source / ADAPTER_CONFIG).is_file()


def adapter_base(source: Path | str) -> Path | str | None:
    """The base model of a folder with a LoRA adapter, resolved; `None` for any other source.

    Raises ModelError for an adapter that cannot be read, has its weights in pickle, or whose base is not
    named or is an adapter itself.
    """
    if not isinstance(source, Path) or not is_adapter(source):
        return None
    if not (source / ADAPTER_WEIGHTS).is_file():
        raise ModelError("the adapter has no safetensors weights", where=str(source), remedy=NO_SAFETENSORS)
    named = adapter_settings(source).get("base_model_name_or_path")
    if not named or not isinstance(named, str):
        raise ModelError(
            "the adapter does not say what its base model is",
            where=str(source / ADAPTER_CONFIG),
            remedy="name it there as `base_model_name_or_path`",
        )
    base = resolve_model(named)
    if is_adapter(base):
        itself = isinstance(base, Path) and base.resolve() == source.resolve()
        raise ModelError(
            f"the adapter's base model is {'the adapter itself' if itself else 'an adapter too'}: {base}",
            where=str(source / ADAPTER_CONFIG),
            remedy="name a whole model as `base_model_name_or_path`; an adapter over an adapter works once "
            "the lower one is merged into its base (PEFT's `merge_and_unload`)",
        )
    return base


def adapter_settings(folder: Path) -> dict[str, Any]:
    """What `adapter_config.json` says. Raises ModelError."""
    return read_object(folder / ADAPTER_CONFIG)


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a model's file. Raises ModelError naming the file."""
    remedy = "put the file back as the model's makers have it"
    try:
        size = path.stat().st_size
    except OSError as error:
        raise ModelError(f"the file cannot be read: {error}", where=str(path), remedy=remedy) from error
    if size > _MAX_JSON:
        raise ModelError(f"the file has {size:,} bytes, too many for it", where=str(path), remedy=remedy)
    try:
        found = read_json(path)
    except DataError as error:
        raise ModelError(
            f"the file cannot be read: {error.what}", where=str(path), remedy=remedy
        ) from error
    if not isinstance(found, dict):
        raise ModelError(
            f"expected a JSON object, found {json_type(found)}", where=str(path), remedy=remedy
        )
    return found
