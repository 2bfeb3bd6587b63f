"""Files of a model on the Hugging Face hub, brought into its cache and read from there as a folder.

The idea: the hub is asked one short question first. The client itself tries ten times for about a minute,
which is right in the middle of a download and wrong for a name that does not exist or a machine without a
network.

Invariants: only configuration, tokenizer and safetensors come; whether anything comes or not is known
after `_PATIENCE` seconds; what is in the cache works without the hub.
"""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import huggingface_hub
from huggingface_hub.constants import ENDPOINT, HF_HUB_OFFLINE
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
from huggingface_hub.utils import build_hf_headers, validate_repo_id

from trajectune.errors import ModelError
from trajectune.models.folder.guard import library_errors
from trajectune.models.folder.weights import INDEX, WEIGHTS

_PATIENCE = 5.0
_SMALL = ["*.json", "*.jinja", "*.model", "*.txt"]
_REMEDY = "check the name; where no hub is reachable, give a folder with the model or use `embedded`"


def hub_folder(name: str, *, weights: bool = True) -> Path:
    """Folder in the hub's cache with a model's files, brought there if need be.

    Without `weights` only the small files come. Raises ModelError, after a few seconds at most, where the
    hub has no such model or cannot be reached and the cache does not have it.
    """
    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise ModelError(
            "this is neither a folder nor a hub name", where=name[:300], remedy=_REMEDY
        ) from error
    problem = _problem(name)
    with library_errors(name):
        folder = _snapshot(name, _SMALL, problem)
        return _snapshot(name, _weight_names(folder), problem) if weights else folder


def _problem(name: str) -> str:
    """Why the hub does not give a model; empty where it does."""
    if HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE says not to ask the hub"
    try:
        answer = httpx.head(
            f"{ENDPOINT}/{name}/resolve/main/config.json",
            headers=build_hf_headers(),
            timeout=_PATIENCE,
            follow_redirects=True,
        )
    except httpx.HTTPError as error:
        return f"the hub cannot be reached ({type(error).__name__})"
    if answer.status_code in (401, 403, 404):
        return "the hub has no such model, or does not show it to you"
    return "" if answer.is_success else f"the hub does not answer properly (status {answer.status_code})"


def _snapshot(name: str, patterns: list[str], problem: str) -> Path:
    """The folder with what matches; from the cache alone where there is a `problem` with the hub."""
    try:
        found = huggingface_hub.snapshot_download(
            name, allow_patterns=patterns, local_files_only=bool(problem)
        )
    except LocalEntryNotFoundError as error:
        raise ModelError(
            f"the model is not here: {problem or 'the hub stopped answering'}", where=name, remedy=_REMEDY
        ) from error
    return Path(found)


def _weight_names(folder: Path) -> list[str]:
    """The weight files that transformers would read; an index says which."""
    if not (folder / INDEX).is_file():
        return [WEIGHTS]
    try:
        return [INDEX, *set(json.loads((folder / INDEX).read_text("utf-8"))["weight_map"].values())]
    except (ValueError, KeyError, TypeError, AttributeError):
        return [INDEX]  # what is wrong with it is said when the folder is read
