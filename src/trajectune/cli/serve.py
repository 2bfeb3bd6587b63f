"""`trajectune serve`: a model, or a composition of several, behind an OpenAI-compatible API."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from trajectune.cli.chat import MaxContext
from trajectune.cli.options import Loading, grouped
from trajectune.errors import RecipeError
from trajectune.terminal import Terminal

if TYPE_CHECKING:
    from trajectune.composition.composition import Composition
    from trajectune.composition.drafting import Speculation

_LOCAL = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Server:
    """Where a model is served, to whom, and to how many at once."""

    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 is everywhere.")] = "127.0.0.1"
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 8000
    name: Annotated[
        str, typer.Option(help="The model's name in the API; by default MODEL, or `emulated`.")
    ] = ""
    max_batch: Annotated[int, typer.Option(min=1, help="Replies generated at the same time.")] = 8
    max_context: MaxContext = 4096
    max_waiting: Annotated[
        int, typer.Option(min=0, help="Replies that may wait for their turn; more are refused (429).")
    ] = 256
    api_key_variable: Annotated[
        str, typer.Option(metavar="NAME", help="Environment variable with the key that clients must send.")
    ] = ""
    cors: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGIN",
            help="Pages that may ask from a browser, such as `https://my.page`; `*`: all. Can be repeated.",
        ),
    ] = None


@grouped
def serve(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="`embedded`, a folder, a hub name, or a composition file (`.yaml`)."
        ),
    ],
    server: Server,
    loading: Loading,
) -> None:
    """Serve a model with an OpenAI-compatible API. Ctrl-C ends it.

    `trajectune serve embedded`, and then, from another terminal:

        curl http://127.0.0.1:8000/v1/chat/completions -H 'Content-Type: application/json'
        -d '{"model": "embedded", "messages": [{"role": "user", "content": "Hello!"}]}'

    Any OpenAI client works with the base URL `http://127.0.0.1:8000/v1`. Also there: `/v1/completions`,
    `/v1/models`, `/health` and `/metrics` (Prometheus). Needs the extra: `pip install '.[serve]'`.
    """
    from trajectune.composition.files import load_composition

    serve_composition(partial(load_composition, model, **asdict(loading)), server, server.name or model)


def serve_composition(
    load: Callable[[], tuple[Composition, Speculation | None]], server: Server, name: str
) -> None:
    """Serves what `load` gives until Ctrl-C; the extra, the key and the address are checked before it."""
    from trajectune.serve.extra import require_extra

    require_extra()
    key = _key(server.api_key_variable)
    origins = [_origin(text) for text in server.cors or ()]
    from trajectune.engine.engine import Engine
    from trajectune.serve.app import create_app
    from trajectune.serve.run import bind, serve_app

    console = Terminal(stderr=True)
    listener = bind(server.host, server.port)
    composition, speculation = load()
    engine = Engine(
        composition,
        max_batch=server.max_batch,
        max_context=server.max_context,
        speculation=speculation,
    )
    app = create_app(engine, name=name, max_waiting=server.max_waiting, key=key, cors=origins)
    place = f"[{server.host}]" if ":" in server.host else server.host
    url = f"http://{place}:{listener.getsockname()[1]}/v1"

    def tell() -> None:
        console.print(f"{name} is served at {url}; Ctrl-C ends it", markup=False, highlight=False)
        if not key and server.host not in _LOCAL:
            console.print("No key is asked for: see --api-key-variable.", style="yellow")

    serve_app(app, listener, tell)
    console.print("stopped")


def _key(variable: str) -> str:
    """The key in the environment variable of this name; none without a name. Raises RecipeError."""
    key = os.environ.get(variable, "").strip() if variable else ""
    if variable and not key:
        raise RecipeError(
            "the environment variable for the API key is empty",
            where=variable,
            remedy=f"export {variable}=…, or omit --api-key-variable to ask for no key",
        )
    return key


def _origin(text: str) -> str:
    """An origin as browsers send it. Raises RecipeError for what none of them would send."""
    if text != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s?#@*A-Z]+", text):
        raise RecipeError(
            f"{text!r} is no origin",
            where="--cors",
            remedy="write scheme, host and port, as in http://localhost:3000, or `*` for all",
        )
    return text
