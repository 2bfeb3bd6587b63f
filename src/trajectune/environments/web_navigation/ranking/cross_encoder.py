"""A ranker that reads task and element together: a cross-encoder, as Mind2Web trains one.

The idea: any sequence-classification model of transformers, from a folder or by its name on the hub, scores
pairs of (task and previous actions, description). Its last output is the score: the only one of a
regression head, `fits` of a head with two classes.

Invariants: weights are read from safetensors alone and no code of the model's is run; nothing is loaded
before the first page is ranked.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from trajectune.environments.web_navigation.ranking.ranker import Ranker
from trajectune.errors import ModelError

BATCH = 32
MAX_TOKENS = 512
PREVIOUS = 3
"""Previous actions that the query holds."""


class CrossEncoderRanker(Ranker):
    """Scores by the model called `name`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def scores(self, task: str, previous: Sequence[str], descriptions: Sequence[str]) -> list[float]:
        done = "; ".join(previous[-PREVIOUS:]) or "none"
        query = f"Task: {task} Previous actions: {done}"
        scores: list[float] = []
        for start in range(0, len(descriptions), BATCH):
            scores += self._batch(query, list(descriptions[start : start + BATCH]))
        return scores

    def _batch(self, query: str, descriptions: list[str]) -> list[float]:
        tokenizer, model = self._loaded
        limit = min(MAX_TOKENS, getattr(model.config, "max_position_embeddings", MAX_TOKENS))
        encoded = tokenizer(
            [query] * len(descriptions),
            descriptions,
            padding=True,
            truncation=True,
            max_length=limit,
            return_tensors="pt",
        )
        with torch.inference_mode():
            return model(**encoded).logits[:, -1].float().tolist()

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        try:
            tokenizer = AutoTokenizer.from_pretrained(self.name, trust_remote_code=False)
            model = AutoModelForSequenceClassification.from_pretrained(
                self.name, use_safetensors=True, trust_remote_code=False
            )
        except (OSError, ValueError) as error:
            raise ModelError(
                f"The ranker cannot be loaded: {str(error).splitlines()[0]}",
                where=f"ranker: {self.name}",
                remedy="give a folder or a name with a sequence-classification model in safetensors, "
                "or leave `ranker` out to rank by words in common",
            ) from error
        return tokenizer, model.eval()
