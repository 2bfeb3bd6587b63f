"""Evaluation text in training data: found, measured and shown. See `analysis.contamination`."""

from trajectune.curate.contamination.analysis import contamination
from trajectune.curate.contamination.report import Contamination
from trajectune.curate.contamination.sources import (
    Source,
    evaluation_file,
    evaluation_tasks,
    training_examples,
    training_file,
)
from trajectune.curate.contamination.tokens import ModelTokens, Words

__all__ = [
    "Contamination",
    "ModelTokens",
    "Source",
    "Words",
    "contamination",
    "evaluation_file",
    "evaluation_tasks",
    "training_examples",
    "training_file",
]
