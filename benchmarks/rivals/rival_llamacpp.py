"""Decoding with llama.cpp, all rows in one batch with a sequence each, as a child of the benchmark.

    PYTHONPATH=benchmarks VENV/bin/python benchmarks/rivals/rival_llamacpp.py MODEL.gguf
    … rival_llamacpp.py MODEL.gguf --requantize Q8_0    # the same weights in another format

VENV holds `llama-cpp-python`, built on this machine: by GCC 13 or later if it has AMX, since what GCC 12
makes of the tiles' set-up crashes. Only its C functions are used, so nothing is paid for its Python loop.
Episodes keep each conversation's sequence and read what is new in it.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.metadata
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llama_cpp  # pyright: ignore[reportMissingImports]
import numpy

from rivals.rival import Replies, Rows, answer


class LlamaCpp:
    """One context at a time; a case of another shape gets a new one."""

    def __init__(self, model: Path, threads: int, micro_batch: int, *, unified: bool) -> None:
        llama_cpp.llama_backend_init()
        self.threads, self.micro_batch, self.unified = threads, micro_batch, unified
        settings = llama_cpp.llama_model_default_params()
        settings.n_gpu_layers = 0
        self.model = llama_cpp.llama_model_load_from_file(str(model).encode(), settings)
        self.vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))
        self.shape, self.context = (0, 0), None
        self.batch = llama_cpp.llama_batch_init(0, 0, 1)
        self.read: list[int] = []

    def facts(self) -> dict[str, Any]:
        name = ctypes.create_string_buffer(128)
        llama_cpp.llama_model_desc(self.model, name, 128)
        return {
            "system": f"llama.cpp of llama-cpp-python {importlib.metadata.version('llama-cpp-python')}",
            "model": name.value.decode(),
            "machine": llama_cpp.llama_print_system_info().decode().strip(),
            "threads": self.threads,
            "micro_batch": self.micro_batch,
            "unified": self.unified,
        }

    def prepare(self, rows: int, context: int, *, reuse: bool) -> None:
        del reuse  # sequences stay until they are cleared
        if (rows, context) != self.shape:
            self._open(rows, context)
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.context), True)
        self.read = [0] * rows

    def _open(self, rows: int, context: int) -> None:
        if self.context is not None:
            llama_cpp.llama_free(self.context)
        settings = llama_cpp.llama_context_default_params()
        settings.n_ctx = settings.n_batch = rows * (-(-context // 256) * 256)
        settings.n_ubatch, settings.n_seq_max, settings.kv_unified = self.micro_batch, rows, self.unified
        settings.n_threads = settings.n_threads_batch = self.threads
        self.context = llama_cpp.llama_init_from_model(self.model, settings)
        if self.context is None:
            raise MemoryError(f"no context for {rows} rows of {context} tokens")
        llama_cpp.llama_batch_free(self.batch)
        self.batch = llama_cpp.llama_batch_init(settings.n_batch, 0, 1)
        self.shape = (rows, context)

    def generate(self, prompts: Rows, new: int) -> Replies:
        unread = {row: prompt[self.read[row] :] for row, prompt in enumerate(prompts)}
        replies = [[token] for group in self._groups(unread) for token in self._step(group)]
        ready = time.perf_counter()
        for _ in range(new - 1):
            last = {row: reply[-1:] for row, reply in enumerate(replies)}
            for reply, token in zip(replies, self._step(last), strict=True):
                reply.append(token)
        return Replies(replies, ready, len(prompts) * (new - 1))

    def _groups(self, unread: dict[int, list[int]]) -> Iterator[dict[int, list[int]]]:
        """Rows that fill a graph together; were all given at once, a graph would read a little of each."""
        size = max(1, self.micro_batch // max(map(len, unread.values())))
        for start in range(0, len(unread), size):
            yield dict(list(unread.items())[start : start + size])

    def _step(self, rows: dict[int, list[int]]) -> list[int]:
        """Read these tokens of each sequence; the likeliest next token of each."""
        count = 0
        for row, tokens in rows.items():
            for offset, token in enumerate(tokens):
                self.batch.token[count], self.batch.pos[count] = token, self.read[row] + offset
                self.batch.n_seq_id[count], self.batch.seq_id[count][0] = 1, row
                self.batch.logits[count] = offset == len(tokens) - 1
                count += 1
            self.read[row] += len(tokens)
        self.batch.n_tokens = count
        if status := llama_cpp.llama_decode(self.context, self.batch):
            raise RuntimeError(f"llama_decode: status {status}")
        logits = llama_cpp.llama_get_logits(self.context)
        return numpy.ctypeslib.as_array(logits, (len(rows), self.vocabulary)).argmax(1).tolist()


def requantized(model: Path, kind: str, folder: str) -> Path:
    """A copy of the model with all matrices in another format."""
    settings = llama_cpp.llama_model_quantize_default_params()
    settings.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{kind}")
    settings.allow_requantize, settings.pure = True, True
    copy = Path(folder) / f"{kind}.gguf"
    if llama_cpp.llama_model_quantize(str(model).encode(), str(copy).encode(), ctypes.byref(settings)):
        raise RuntimeError(f"{model} cannot be written as {kind}")
    return copy


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--micro-batch", type=int, default=512, help="most tokens of one graph")
    parser.add_argument("--unified", action="store_true", help="one cache for all sequences")
    parser.add_argument("--requantize", metavar="FORMAT", help="such as Q8_0")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.requantize:
            options.model = requantized(options.model, options.requantize, folder)
        answer(LlamaCpp(options.model, options.threads, options.micro_batch, unified=options.unified))


if __name__ == "__main__":
    main()
