"""`trajectune serve`: a model, or a composition of several, behind an OpenAI-compatible API."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from trajectune.errors import RecipeError

if TYPE_CHECKING:
    from trajectune.composition.composition import Composition
    from trajectune.composition.drafting import Speculation

_LOCAL = ("127.0.0.1", "localhost", "::1")

Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 is everywhere.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")]
Name = Annotated[str, typer.Option(help="The model's name in the API; MODEL if empty.")]
MaxBatch = Annotated[int, typer.Option(min=1, help="Replies generated at the same time.")]
MaxContext = Annotated[
    int, typer.Option(min=1, help="Tokens of prompt and reply; memory is set aside for all of them.")
]
MaxWaiting = Annotated[
    int, typer.Option(min=0, help="Replies that may wait for their turn; more are refused (429).")
]
ApiKeyVariable = Annotated[
    str, typer.Option(metavar="NAME", help="Environment variable with the key that clients must send.")
]
Dtype = Annotated[str, typer.Option(help="float32, bfloat16 or auto.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, … or auto.")]
AllowOtherTemplate = Annotated[
    bool,
    typer.Option(
        "--allow-other-template",
        help="Use a tuned model under another tokenizer or chat template than it was tuned with.",
    ),
]


def serve(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="`embedded`, a folder, a hub name, or a composition file (`.yaml`)."
        ),
    ],
    host: Host = "127.0.0.1",
    port: Port = 8000,
    name: Name = "",
    max_batch: MaxBatch = 8,
    max_context: MaxContext = 4096,
    max_waiting: MaxWaiting = 256,
    api_key_variable: ApiKeyVariable = "",
    dtype: Dtype = "auto",
    device: Device = "auto",
    allow_other_template: AllowOtherTemplate = False,
) -> None:
    """Serve a model with an OpenAI-compatible API. Ctrl-C ends it.

    `trajectune serve embedded`, and then, from another terminal:

        curl http://127.0.0.1:8000/v1/chat/completions -H 'Content-Type: application/json'
        -d '{"model": "embedded", "messages": [{"role": "user", "content": "Hello!"}]}'

    Any OpenAI client works with the base URL `http://127.0.0.1:8000/v1`. Also there: `/v1/completions`,
    `/v1/models`, `/health` and `/metrics` (Prometheus). Needs the extra: `pip install 'trajectune[serve]'`.
    """
    from trajectune.composition.files import load_composition

    serve_composition(
        lambda: load_composition(model, dtype, device, allow_other_template=allow_other_template),
        name=name or model,
        host=host,
        port=port,
        max_batch=max_batch,
        max_context=max_context,
        max_waiting=max_waiting,
        api_key_variable=api_key_variable,
    )


def serve_composition(
    load: Callable[[], tuple[Composition, Speculation | None]],
    *,
    name: str,
    host: str,
    port: int,
    max_batch: int,
    max_context: int,
    max_waiting: int,
    api_key_variable: str,
) -> None:
    """Serves what `load` gives until Ctrl-C; the extra, the key and the address are checked before it."""
    from trajectune.serve.extra import require_extra

    require_extra()
    key = _key(api_key_variable)
    from trajectune.engine.engine import Engine
    from trajectune.serve.app import create_app
    from trajectune.serve.run import bind, serve_app

    console = Console(stderr=True)
    listener = bind(host, port)
    composition, speculation = load()
    engine = Engine(composition, max_batch=max_batch, max_context=max_context, speculation=speculation)
    app = create_app(engine, name=name, max_waiting=max_waiting, key=key)
    place = f"[{host}]" if ":" in host else host
    url = f"http://{place}:{listener.getsockname()[1]}/v1"
    console.print(f"{name} is served at {url}; Ctrl-C ends it", markup=False, highlight=False)
    if not key and host not in _LOCAL:
        console.print("No key is asked for: see --api-key-variable.", style="yellow")
    serve_app(app, listener)
    console.print("stopped")


def _key(variable: str) -> str:
    """The key in the environment variable of this name; none without a name. Raises RecipeError."""
    key = os.environ.get(variable, "").strip() if variable else ""
    if variable and not key:
        raise RecipeError(
            "the environment variable for the API key is empty",
            where=variable,
            remedy=f"export {variable}=…, or leave --api-key-variable away to ask for no key",
        )
    return key
