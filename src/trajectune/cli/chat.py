"""`trajectune chat`: talk to a model in the terminal."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from trajectune.cli.options import Loading, grouped
from trajectune.terminal import Terminal

if TYPE_CHECKING:
    from trajectune.composition.composition import Composition
    from trajectune.composition.drafting import Speculation

MaxContext = Annotated[
    int, typer.Option(min=1, help="Tokens of prompt and reply; memory is reserved for all of them.")
]


@dataclass(frozen=True, slots=True)
class Replies:
    """How a model answers."""

    temperature: Annotated[float, typer.Option(min=0, help="0 is greedy.")] = 0.0
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest reply, in tokens.")] = 512
    seed: Annotated[int, typer.Option(help="Seed of the sampling.")] = 0


@dataclass(frozen=True, slots=True)
class Talk(Replies):
    """How a conversation is held."""

    system: Annotated[str, typer.Option(help="System message.")] = ""
    max_context: MaxContext = 4096


@grouped
def chat(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="`embedded`, a folder, a hub name, or a composition file."),
    ],
    talk: Talk,
    loading: Loading,
) -> None:
    """Talk to a model. `/new` starts over; `/quit`, Ctrl-C or Ctrl-D leaves."""
    from trajectune.composition.files import load_composition

    converse(*load_composition(model, **asdict(loading)), talk)


def converse(composition: Composition, speculation: Speculation | None, talk: Talk) -> None:
    """A conversation with a composition, read from the terminal until the user leaves."""
    from trajectune.engine.engine import Engine
    from trajectune.engine.requests import Request
    from trajectune.engine.sampling import Sampling
    from trajectune.example import Message
    from trajectune.models.chat import renderer_of

    console = Terminal()
    renderer = renderer_of(composition.tokenizer)
    room = min(composition.max_context, talk.max_context)
    engine = Engine(composition, max_batch=1, max_context=room, speculation=speculation)
    start = [Message(role="system", content=talk.system)] if talk.system else []
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
            max_new_tokens=min(talk.max_new_tokens, room - len(tokens)),
            session="chat",
            sampling=Sampling(talk.temperature),
            seed=talk.seed + len(messages),
            prompts=composition.prompts(messages, tokens),
            kept=renderer.kept,
        )
        reply = engine.generate([request])[0]
        heard = renderer.read(reply.text, calls=False)
        if heard.reasoning:
            console.print(heard.reasoning, style="dim", markup=False, highlight=False)
        console.print(heard.content, markup=False, highlight=False)
        if reply.finish == "length":
            console.print("[cut at the limit]", style="dim", markup=False)
        messages.append(Message(role="assistant", content=heard.content, reasoning=heard.reasoning))


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
