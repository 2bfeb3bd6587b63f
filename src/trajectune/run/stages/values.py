"""What a fingerprint holds of files and models: their content, not their names.

Invariant: a file that was moved or copied is the same; one that was changed is another. Files too large to
be read for this go by their size and time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from trajectune.composition.files import is_emulation, load_emulation
from trajectune.curate.hub import HUB_PREFIX

DIGEST_BYTES = 64 << 20
"""Files up to this size are read; a gigabyte takes a second, and every command asks."""


def file_values(path: Path) -> JsonValue:
    """What identifies a file's content; `None` where there is no file."""
    if not path.is_file():
        return None
    status = path.stat()
    if status.st_size > DIGEST_BYTES:
        return {"bytes": status.st_size, "modified": status.st_mtime_ns}
    return {"sha256": _digest(path.resolve(), status.st_size, status.st_mtime_ns)}


def data_values(data: str) -> JsonValue:
    """What identifies a source of data: a file's content, a data set's name."""
    if data.startswith(HUB_PREFIX):
        return data
    path = Path(data)
    return {"file": path.name, "content": file_values(path)}


def model_values(name: str) -> JsonValue:
    """What identifies a model: the files of a folder or composition, the name of any other."""
    path = Path(name).expanduser()
    if is_emulation(name):
        emulation = load_emulation(name)
        models = {role: model_values(model) for role, model in emulation.models.items()}
        return {**emulation.model_dump(mode="json"), "models": models}
    if not path.is_dir():
        return name
    return {file.name: file_values(file) for file in sorted(path.iterdir()) if file.is_file()}


def option_values(options: Mapping[str, Any]) -> JsonValue:
    """Options of an environment or suite; those that name a file stand for its content."""
    return {key: _option(value) for key, value in options.items()}


def _option(value: Any) -> JsonValue:
    if isinstance(value, str) and value and len(value) < 4_096 and Path(value).is_file():
        return {"file": value, "content": file_values(Path(value))}
    return value


@cache
def _digest(path: Path, size: int, modified: int) -> str:
    del size, modified  # they are in the key of the cache
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
