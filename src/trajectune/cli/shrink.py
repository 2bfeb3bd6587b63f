"""`trajectune shrink`: a small model of a family that has none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trajectune.terminal import Terminal


def shrink(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="`embedded`, a folder, or a hub name.")],
    layers: Annotated[int, typer.Option(min=2, help="Layers to keep: those that change most.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the work goes.")],
    rows: Annotated[int, typer.Option(min=1, help="Answers of MODEL to heal the small one on.")] = 1_000,
    epochs: Annotated[float, typer.Option(min=0.01, help="Passes over them.")] = 3.0,
    rate: Annotated[float, typer.Option(min=0, help="Highest learning rate.")] = 6e-4,
    seed: Annotated[int, typer.Option(help="Seed of prompts, answers and tuning.")] = 0,
) -> None:
    """Cut a model down and heal it on its own answers, for emulated fine-tuning where no small one exists.

    The small model is `DIR/heal/model`. It has MODEL's vocabulary, so it can be the small base, and the
    small tuned model after `trajectune tune`. The same command goes on where it was stopped.
    """
    from trajectune.run.api.shrinking import make_small

    folder = make_small(model, layers, out, rows=rows, epochs=epochs, rate=rate, seed=seed)
    Terminal().print(str(folder), soft_wrap=True, highlight=False)
