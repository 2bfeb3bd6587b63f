"""`agenttune chat`: talk to a model in the terminal."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console


def chat(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="`embedded`, a folder, or a hub name.")],
    system: Annotated[str, typer.Option(help="System message.")] = "",
    temperature: Annotated[float, typer.Option(min=0, help="0 is greedy.")] = 0.0,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest reply, in tokens.")] = 512,
    seed: Annotated[int, typer.Option(help="Seed of the sampling.")] = 0,
) -> None:
    """Talk to a model. `/new` starts over; `/quit`, Ctrl-C or Ctrl-D leaves."""
    from agenttune.decode.composition import Composition
    from agenttune.decode.engine import Engine
    from agenttune.decode.loading import load_model
    from agenttune.decode.requests import Request
    from agenttune.decode.sampling import Sampling

    console = Console()
    loaded = load_model(model)
    engine = Engine(Composition.single(loaded), max_batch=1, max_context=loaded.max_context)
    start = [{"role": "system", "content": system}] if system else []
    messages = list(start)
    console.print(f"{loaded.name}: /new starts over, /quit leaves", style="dim")
    while (said := _ask(console)) is not None:
        if said == "/new":
            messages = list(start)
            continue
        messages.append({"role": "user", "content": said})
        tokens = loaded.chat_tokens(messages)
        room = loaded.max_context - len(tokens)
        if room < 1:
            console.print("The conversation does not fit any more: /new starts over.", style="yellow")
            messages.pop()
            continue
        request = Request(
            tokens=tokens,
            max_new_tokens=min(max_new_tokens, room),
            session="chat",
            sampling=Sampling(temperature=temperature),
            seed=seed + len(messages),
        )
        reply = engine.generate([request])[0]
        console.print(reply.text, markup=False, highlight=False)
        if reply.finish == "length":
            console.print("[cut at the limit]", style="dim", markup=False)
        messages.append({"role": "assistant", "content": reply.text})


def _ask(console: Console) -> str | None:
    """What the user says next; `None` to leave."""
    while True:
        try:
            said = console.input("[bold]> [/]").strip()
        except (EOFError, KeyboardInterrupt):
            console.print()
            return None
        if said:
            return None if said in ("/quit", "/exit") else said
