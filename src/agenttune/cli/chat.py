"""`agenttune chat`: talk to a model in the terminal."""

from __future__ import annotations

from typing import Annotated

import typer


def chat(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="`embedded`, a folder, or a hub name.")],
    system: Annotated[str, typer.Option(help="System message.")] = "",
    temperature: Annotated[float, typer.Option(min=0, help="0 is greedy.")] = 0.0,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest reply, in tokens.")] = 512,
    seed: Annotated[int, typer.Option(help="Seed of the sampling.")] = 0,
) -> None:
    """Talk to a model. `/new` starts over, `/quit` or Ctrl-D leaves."""
    from agenttune.agents.terminal import TerminalChat

    TerminalChat(model, system, temperature, max_new_tokens, seed).run()
