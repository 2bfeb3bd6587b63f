"""datatrove's n-gram decontamination as a side of `contamination.py`, under an interpreter of its own.

    pip install datatrove spacy 'xxhash<4'     # in that interpreter's environment; 4 hashes bytes alone

A round indexes the questions, reads the training file and filters its rows, as datatrove's own pipeline
does. `NGramsDecontIndexer.run` asks for lighteval, whose tasks are not wanted here; so its
`compute_hashes` is called for each question and the index written in the form that its `run` gives it.
"""

from __future__ import annotations

import json
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from datatrove.pipeline.decont import (  # pyright: ignore[reportMissingImports]
    NGramsDecontFilter,
    NGramsDecontIndexer,
)
from datatrove.pipeline.decont.n_grams import NGramsDecontConfig  # pyright: ignore[reportMissingImports]
from datatrove.pipeline.readers import JsonlReader  # pyright: ignore[reportMissingImports]
from datatrove.utils.hashing import create_hash_func  # pyright: ignore[reportMissingImports]
from datatrove.utils.word_tokenizers import load_word_tokenizer  # pyright: ignore[reportMissingImports]

from harness.child import serve

CONFIG = NGramsDecontConfig(find_query_ngrams=True)
"""Its defaults, twelve words, but that questions count as answers do."""


def main() -> None:
    serve({"decontaminate": decontaminated})


def decontaminated(asked: dict[str, Any]) -> dict[str, Any]:
    """Megabytes of training text per second: of the whole, and once the questions are indexed."""
    start, used = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        index(Path(asked["questions"]), Path(folder))
        indexed = time.perf_counter()
        step = NGramsDecontFilter(folder, config=CONFIG)
        path = Path(asked["training"])
        reader = JsonlReader(str(path.parent), glob_pattern=path.name)
        kept = sum(1 for _ in step.run(reader.run()))
    end, used = time.perf_counter(), time.process_time() - used
    facts = {"version": version("datatrove"), "rows_kept": kept, "n_grams": CONFIG.n_grams}
    rates = {"whole": asked["megabytes"] / (end - start), "search": asked["megabytes"] / (end - indexed)}
    return {"rates": rates, "facts": facts | {"megabytes_per_cpu_second": asked["megabytes"] / used}}


def index(questions: Path, folder: Path) -> None:
    indexer: Any = object.__new__(NGramsDecontIndexer)
    indexer.config, indexer.tokenizer = CONFIG, load_word_tokenizer("en")
    indexer.hash_func = create_hash_func(CONFIG.hash_config)
    hashes: set[int] = set()
    with questions.open(encoding="utf-8") as lines:
        for line in lines:
            hashes.update(indexer.compute_hashes("", json.loads(line)["question"]))
    np.array(list(hashes), CONFIG.hash_config.np_descr).tofile(folder / "questions.index.hashes")


if __name__ == "__main__":
    main()
