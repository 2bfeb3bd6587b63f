"""`trajectune chat`: talk to a model in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from trajectune.cli.serve import AllowOtherTemplate, MaxContext

if TYPE_CHECKING:
    from trajectune.composition.composition import Composition
    from trajectune.composition.drafting import Speculation
    from trajectune.engine.sampling import Sampling


def chat(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="`embedded`, a folder, a hub name, or a composition file."),
    ],
    system: Annotated[str, typer.Option(help="System message.")] = "",
    temperature: Annotated[float, typer.Option(min=0, help="0 is greedy.")] = 0.0,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest reply, in tokens.")] = 512,
    max_context: MaxContext = 4096,
    seed: Annotated[int, typer.Option(help="Seed of the sampling.")] = 0,
    allow_other_template: AllowOtherTemplate = False,
) -> None:
    """Talk to a model. `/new` starts over; `/quit`, Ctrl-C or Ctrl-D leaves."""
    from trajectune.composition.files import load_composition
    from trajectune.engine.sampling import Sampling

    composition, speculation = load_composition(model, allow_other_template=allow_other_template)
    converse(composition, speculation, system, Sampling(temperature), max_new_tokens, max_context, seed)


def converse(
    composition: Composition,
    speculation: Speculation | None,
    system: str,
    sampling: Sampling,
    max_new_tokens: int,
    max_context: int,
    seed: int,
) -> None:
    """A conversation with a composition, read from the terminal until the user leaves."""
    from trajectune.engine.engine import Engine
    from trajectune.engine.requests import Request
    from trajectune.example import Message
    from trajectune.models.chat import renderer_of

    console = Console()
    renderer = renderer_of(composition.tokenizer)
    room = min(composition.max_context, max_context)
    engine = Engine(composition, max_batch=1, max_context=room, speculation=speculation)
    start = [Message(role="system", content=system)] if system else []
    messages = list(start)
    console.print(f"{composition.name}: /new starts over, /quit leaves", style="dim")
    while (said := _ask(console)) is not None:
        if said == "/new":
            messages = list(start)
            continue
        messages.append(Message(role="user", content=said))
        tokens = renderer.prompt(messages)
        if len(tokens) >= room:
            console.print("The conversation does not fit any more: /new starts over.", style="yellow")
            messages.pop()
            continue
        request = Request(
            tokens=tokens,
            max_new_tokens=min(max_new_tokens, room - len(tokens)),
            session="chat",
            sampling=sampling,
            seed=seed + len(messages),
            prompts=composition.prompts(messages, tokens),
        )
        reply = engine.generate([request])[0]
        console.print(reply.text, markup=False, highlight=False)
        if reply.finish == "length":
            console.print("[cut at the limit]", style="dim", markup=False)
        messages.append(Message(role="assistant", content=reply.text))


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
