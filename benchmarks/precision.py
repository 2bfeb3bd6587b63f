"""What decoding in bf16 and in int8 changes, beside fp32: logits, replies, and success on unseen tasks.

    python benchmarks/precision.py runs/quickstart --tasks 200      # about ten minutes

The tuned model of a finished run plays unseen database tasks in every precision. What it was asked and what
it replied in fp32 is then read again in each: KL divergence from fp32 and agreement on the likeliest token
over all tokens of those replies, and the share of whole greedy replies that come out the same. `contrast` is
the composition 1·tuned + 1·tuned − 1·base, whose weights may amplify what rounding does.
"""

from __future__ import annotations

import argparse
import gc
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from harness.machine import machine
from harness.results import write
from trajectune.composition.composition import Composition, Term
from trajectune.engine.distribution import Distribution
from trajectune.engine.engine import Engine
from trajectune.engine.network.native.library import SWITCH, native_library
from trajectune.engine.requests import Generation, Request
from trajectune.environments.registry import get_environment
from trajectune.evaluate.contract import Measurement
from trajectune.evaluate.suites.environment import EnvironmentSuite
from trajectune.models.loading import load_model
from trajectune.run.api.measuring import evaluate
from trajectune.evaluate.systems import load_system
from trajectune.storage import read_json

PRECISIONS = {
    "float32": ("float32", ""),
    "bfloat16, PyTorch": ("bfloat16", "off"),
    "bfloat16": ("bfloat16", ""),
    "int8": ("int8", ""),
}
"""Name: dtype, and what `TRAJECTUNE_NATIVE` says."""
BATCH, CONTEXT, NEW = 32, 2_048, 128
