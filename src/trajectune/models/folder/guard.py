"""What the model libraries raise, turned into errors for a user.

The idea: a model's folder is somebody else's program text: its values decide which code of the libraries
runs, and with which numbers. So anything may come out of a call that reads one, a Rust panic included.

Invariant: within `library_errors` only a `TrajectuneError` leaves, or what is no error of the folder's
(an interrupt, an exit).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from trajectune.errors import ModelError, TrajectuneError

NO_SAFETENSORS = "convert the weights with `save_pretrained`, which writes safetensors; pickle is not read"


@contextmanager
def library_errors(where: Path | str, what: str = "the model cannot be loaded") -> Iterator[None]:
    """Raises ModelError, naming `where`, for whatever the libraries raise within."""
    try:
        yield
    except TrajectuneError:
        raise
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise ModelError(
            "the model does not fit into the memory",
            where=str(where),
            remedy="use dtype bfloat16, a smaller model, or another device",
        ) from error
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise ModelError(
            f"{what}: {in_a_line(error)}", where=str(where), remedy=_remedy(str(error))
        ) from error


def in_a_line(error: BaseException) -> str:
    """What an error says, in one line of bounded length."""
    if isinstance(error, KeyError):
        return f"something is missing in a file: {error}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].endswith(":"):
        lines[:2] = [" ".join(lines[:2])]
    said = lines[0] if lines else repr(error)
    return said if len(said) <= 300 else f"{said[:300]}…"


def _remedy(message: str) -> str:
    if "safetensors" in message:
        return NO_SAFETENSORS
    if "trust_remote_code" in message:
        return "the model needs code of its own, which is not run; choose a model that transformers knows"
    return "check the name and the files in the folder, or copy them again from where they came"
