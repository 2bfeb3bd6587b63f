"""Which weights and which template a model has: digests, and the note that a tuned model carries.

The idea: a name says little about what was measured. Two digests do: of the weights, and of the tokenizer
with its chat template. A tuned model's folder says under which template it was tuned (`trajectune.json`),
and using it under another one is refused unless asked for.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import huggingface_hub
from transformers import PreTrainedTokenizerBase

from trajectune.errors import ModelError
from trajectune.models.folder.weights import read_shapes
from trajectune.storage import read_record, write_json
from trajectune.trajectory import Record

NOTE = "trajectune.json"
"""File in a tuned model's folder."""
WHOLE = 64 << 20
"""Bytes up to which a weights file is digested whole."""
_CHUNKS, _CHUNK = 256, 16 << 10


class Provenance(Record):
    """What a tuned model came from."""

    base: str
    """Name of the model that was tuned."""
    base_weights: str
    """Its `weights_digest`."""
    template: str
    """`template_digest` of the tokenizer under which it was tuned."""
    dialect: str = ""
    """The dialect of its agent data; empty where there is none, or several."""


def template_digest(tokenizer: PreTrainedTokenizerBase) -> str:
    """Digest of all that decides which ids a conversation becomes: tokenizer, special tokens, template."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        core = json.dumps(tokenizer.get_vocab(), sort_keys=True)
    else:
        core = backend.to_str()
        core = core[max(core.find('"added_tokens"'), 0) :]  # behind truncation and padding: states of use
    specials = [tokenizer.bos_token, tokenizer.eos_token, tokenizer.unk_token]
    rest = json.dumps([specials, tokenizer.chat_template])
    return hashlib.sha256(f"{core}\0{rest}".encode("utf-8", "surrogatepass")).hexdigest()


def weights_digest(model: Path | str) -> str:
    """Digest of a model's safetensors: a folder, or a hub name whose weights are in the cache.

    Files up to `WHOLE` bytes count byte by byte. Of larger ones the size, the head (names, shapes and
    places of all tensors) and 256 evenly spaced stretches of 16 KiB count, so that tens of gigabytes take
    well under a second: tuning changes all of them, a deliberate change of single weights may go unseen.
    Raises ModelError where there are no such weights, or they are damaged.
    """
    folder = model if isinstance(model, Path) else _cached(model)
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelError("the folder holds no safetensors weights", where=str(folder))
    read_shapes(files)  # what is damaged has no digest
    digest = hashlib.sha256()
    for file in files:
        try:
            digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
            _add(digest, file)
        except OSError as error:
            raise ModelError(f"the weight file cannot be read: {error}", where=str(file)) from error
    return digest.hexdigest()


def write_provenance(folder: Path, provenance: Provenance) -> None:
    """Leave the note in a tuned model's folder."""
    write_json(folder / NOTE, provenance.model_dump(mode="json"))


def read_provenance(folder: Path) -> Provenance | None:
    """The note in a model's folder; `None` where there is none."""
    path = folder / NOTE
    return read_record(path, Provenance, "a note of where a model comes from") if path.is_file() else None


def check_template(source: Path | str, tokenizer: PreTrainedTokenizerBase) -> None:
    """Raises ModelError when a tuned model is to be used under another template than it was tuned under."""
    noted = read_provenance(source) if isinstance(source, Path) else None
    if noted is not None and noted.template != template_digest(tokenizer):
        raise ModelError(
            "the model was tuned under another tokenizer or chat template than the one in its folder",
            where=str(source),
            remedy="put the template back that it was tuned with, or say that you mean it: "
            "`allow_other_template=True`, on the command line `--allow-other-template`",
        )


def _cached(name: str) -> Path:
    try:
        found = huggingface_hub.snapshot_download(
            name, local_files_only=True, allow_patterns="*.safetensors"
        )
    except (OSError, ValueError) as error:
        raise ModelError("the model's weights are not here", where=name) from error
    return Path(found)


def _add(digest: hashlib._Hash, file: Path) -> None:
    size = file.stat().st_size
    with file.open("rb") as stream:
        if size <= WHOLE:
            while part := stream.read(1 << 20):
                digest.update(part)
            return
        head = stream.read(8)
        digest.update(head + stream.read(min(int.from_bytes(head, "little"), WHOLE)))
        for number in range(_CHUNKS):
            stream.seek((size - _CHUNK) * number // (_CHUNKS - 1))
            digest.update(stream.read(_CHUNK))
