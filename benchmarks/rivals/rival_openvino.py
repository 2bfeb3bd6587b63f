"""Decoding with OpenVINO GenAI's continuous batching, as a child of the benchmark.

    PYTHONPATH=benchmarks VENV/bin/python benchmarks/rivals/rival_openvino.py MODEL.gguf

VENV holds `openvino-genai` and `openvino-tokenizers`. MODEL is a GGUF file or a folder that OpenVINO made.
Batches run without its prefix cache; episodes with it, so that a continued conversation is read only once.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy
import openvino  # pyright: ignore[reportMissingImports]
import openvino_genai  # pyright: ignore[reportMissingImports]

from rivals.rival import Replies, Rows, answer

CACHE_GB = 3


class OpenVino:
    """Two pipelines over one model, each made when it is first wanted: with prefix cache and without."""

    def __init__(self, model: str, threads: int, step_tokens: int, hints: dict[str, Any]) -> None:
        self.model, self.step_tokens = model, step_tokens
        self.properties = {"INFERENCE_NUM_THREADS": threads, **hints}
        self.pipelines: dict[bool, openvino_genai.ContinuousBatchingPipeline] = {}
        self.requests = 0

    def facts(self) -> dict[str, Any]:
        return {
            "system": f"OpenVINO GenAI {openvino_genai.get_version()}",
            "properties": self.properties,
            "capabilities": openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"),
            "step_tokens": self.step_tokens,
        }

    def prepare(self, rows: int, context: int, *, reuse: bool) -> None:
        del rows, context  # its cache is large enough for all cases, and random prompts share nothing
        if reuse not in self.pipelines:
            settings = openvino_genai.SchedulerConfig()
            settings.cache_size = CACHE_GB
            settings.enable_prefix_caching = reuse
            settings.max_num_batched_tokens = self.step_tokens
            self.pipelines[reuse] = openvino_genai.ContinuousBatchingPipeline(
                self.model, settings, "CPU", self.properties
            )
        self.pipeline = self.pipelines[reuse]

    def generate(self, prompts: Rows, new: int) -> Replies:
        config = openvino_genai.GenerationConfig(max_new_tokens=new, ignore_eos=True, do_sample=False)
        handles: list[Any] = []
        for prompt in prompts:
            self.requests += 1
            ids = openvino.Tensor(numpy.array([prompt], dtype=numpy.int64))
            handles.append(self.pipeline.add_request(self.requests, ids, config))
        replies: Rows = [[] for _ in prompts]
        ready, early = 0.0, 0
        while self.pipeline.has_non_finished_requests():
            self.pipeline.step()
            for handle, reply in zip(handles, replies, strict=True):
                if handle.can_read():
                    reply += handle.read()[0].generated_ids
            if not ready and all(replies):
                ready, early = time.perf_counter(), sum(map(len, replies))
        return Replies(replies, ready, sum(map(len, replies)) - early)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--step-tokens", type=int, default=2048, help="most tokens of one step")
    parser.add_argument("--hint", action="append", default=[], metavar="NAME=VALUE", help="a CPU property")
    options = parser.parse_args()
    hints = dict(hint.split("=", 1) for hint in options.hint)
    answer(OpenVino(options.model, options.threads, options.step_tokens, hints))


if __name__ == "__main__":
    main()
