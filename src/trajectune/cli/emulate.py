"""`trajectune emulate`: a small model's tuning carried over to a large model, at decoding time."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from trajectune.cli import serve as server
from trajectune.errors import RecipeError

if TYPE_CHECKING:
    from trajectune.composition.files import Emulation

Large = Annotated[str, typer.Option("--large", metavar="M", help="Large model that was not tuned.")]
SmallTuned = Annotated[str, typer.Option("--small-tuned", metavar="M", help="Small model, tuned.")]
SmallBase = Annotated[str, typer.Option("--small-base", metavar="M", help="The same before tuning.")]
Alpha = Annotated[
    float | None, typer.Option(help="Weight of the tuning: large + alpha·(tuned − base). Default 1.")
]
Beta = Annotated[
    float | None, typer.Option(help="Weight of the scale instead: tuned + beta·(large − base).")
]
Lambda = Annotated[
    list[str] | None,
    typer.Option("--lambda", metavar="MODEL=SHARE", help="A further tuned small model, with its share."),
]
TopP = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="Change weights only on tokens that the tuned model finds likely."),
]
Draft = Annotated[
    str, typer.Option(help="Who drafts for speculative decoding: `model`, `lookup` or `none`.")
]
Block = Annotated[int | None, typer.Option(min=1, help="Tokens drafted per round; adapted if not given.")]
Temperature = Annotated[float, typer.Option(min=0, help="0 is greedy.")]
MaxNewTokens = Annotated[int, typer.Option(min=1, help="Longest reply, in tokens.")]

app = typer.Typer(
    no_args_is_help=True,
    help="Carry the skill of a small tuned model to a large untuned one while decoding.\n\n"
    "The three models must share their vocabulary. `docs/emulation.md` says which go together and what "
    "the weights do.",
)


@app.command()
def generate(
    prompt: Annotated[str, typer.Argument(help="What to say to the model; - reads it from stdin.")],
    large: Large,
    small_tuned: SmallTuned,
    small_base: SmallBase,
    alpha: Alpha = None,
    beta: Beta = None,
    lambda_: Lambda = None,
    top_p: TopP = None,
    draft: Draft = "model",
    block: Block = None,
    temperature: Temperature = 0.0,
    max_new_tokens: MaxNewTokens = 256,
    seed: Annotated[int, typer.Option(help="Seed of the sampling.")] = 0,
    dtype: server.Dtype = "auto",
    device: server.Device = "auto",
) -> None:
    """One reply, and on stderr how many drafted tokens were kept."""
    from trajectune.engine.engine import Engine
    from trajectune.engine.requests import Request
    from trajectune.engine.sampling import Sampling
    from trajectune.example import Message
    from trajectune.models.chat import renderer_of

    emulation = _emulation(large, small_tuned, small_base, alpha, beta, lambda_, top_p, draft, block)
    composition = emulation.compose(device, dtype)
    said = sys.stdin.read() if prompt == "-" else prompt
    tokens = renderer_of(composition.tokenizer).prompt([Message(role="user", content=said)])
    if len(tokens) >= composition.max_context:
        raise RecipeError(
            f"the prompt has {len(tokens)} tokens, and the models read {composition.max_context}",
            remedy="shorten it",
        )
    room = min(composition.max_context, len(tokens) + max_new_tokens)
    engine = Engine(composition, max_batch=1, max_context=room, speculation=emulation.speculation)
    request = Request(tokens, max_new_tokens, sampling=Sampling(temperature), seed=seed)
    reply = engine.generate([request])[0]
    Console().print(reply.text, markup=False, highlight=False, soft_wrap=True)
    if reply.finish != "stop":
        Console(stderr=True).print("[cut at the limit]", style="dim", markup=False)
    rounds = engine.speculator.lengths
    if rounds.rounds:
        note = f"{rounds.accepted} of {rounds.drafted} drafted tokens kept, in {rounds.rounds} rounds"
        Console(stderr=True).print(note, style="dim", highlight=False)


@app.command()
def chat(
    large: Large,
    small_tuned: SmallTuned,
    small_base: SmallBase,
    alpha: Alpha = None,
    beta: Beta = None,
    lambda_: Lambda = None,
    top_p: TopP = None,
    draft: Draft = "model",
    block: Block = None,
    system: Annotated[str, typer.Option(help="System message.")] = "",
    temperature: Temperature = 0.0,
    max_new_tokens: MaxNewTokens = 512,
    max_context: server.MaxContext = 4096,
    seed: Annotated[int, typer.Option(help="Seed of the sampling.")] = 0,
    dtype: server.Dtype = "auto",
    device: server.Device = "auto",
) -> None:
    """Talk to the emulated model. `/new` starts over; `/quit`, Ctrl-C or Ctrl-D leaves."""
    from trajectune.cli.chat import converse
    from trajectune.engine.sampling import Sampling

    emulation = _emulation(large, small_tuned, small_base, alpha, beta, lambda_, top_p, draft, block)
    converse(
        emulation.compose(device, dtype),
        emulation.speculation,
        system,
        Sampling(temperature),
        max_new_tokens,
        max_context,
        seed,
    )


@app.command()
def serve(
    large: Large,
    small_tuned: SmallTuned,
    small_base: SmallBase,
    alpha: Alpha = None,
    beta: Beta = None,
    lambda_: Lambda = None,
    top_p: TopP = None,
    draft: Draft = "model",
    block: Block = None,
    host: server.Host = "127.0.0.1",
    port: server.Port = 8000,
    name: server.Name = "emulated",
    max_batch: server.MaxBatch = 8,
    max_context: server.MaxContext = 4096,
    max_waiting: server.MaxWaiting = 256,
    api_key_variable: server.ApiKeyVariable = "",
    dtype: server.Dtype = "auto",
    device: server.Device = "auto",
) -> None:
    """Serve the emulated model with an OpenAI-compatible API (see `trajectune serve --help`)."""
    emulation = _emulation(large, small_tuned, small_base, alpha, beta, lambda_, top_p, draft, block)
    server.serve_composition(
        lambda: (emulation.compose(device, dtype), emulation.speculation),
        name=name,
        host=host,
        port=port,
        max_batch=max_batch,
        max_context=max_context,
        max_waiting=max_waiting,
        api_key_variable=api_key_variable,
    )


def _emulation(
    large: str,
    tuned: str,
    base: str,
    alpha: float | None,
    beta: float | None,
    shares: list[str] | None,
    top_p: float | None,
    draft: str,
    block: int | None,
) -> Emulation:
    """The options as a composition file would say them. Raises RecipeError for what contradicts itself."""
    from pydantic import ValidationError

    from trajectune.composition.files import Emulation

    if sum(given is not None for given in (alpha, beta, shares or None)) > 1:
        raise RecipeError(
            "more than one of --alpha, --beta and --lambda were given",
            remedy="weigh the tuning (--alpha), the scale (--beta), or several tuned models (--lambda)",
        )
    models = {"large": large, "tuned": tuned, "base": base}
    data: dict[str, object] = {"form": "upscale", "strength": alpha if alpha is not None else 1.0}
    if beta is not None:
        data = {"form": "amplify", "strength": beta}
    if shares:
        others = dict(_share(text) for text in shares)
        if len(others) < len(shares):
            raise RecipeError("--lambda names a model twice", remedy="add its shares up")
        rest = 1 - sum(others.values())
        named = {f"tuned-{number}": model for number, model in enumerate(others, 2)}
        models |= named
        data = {
            "form": "interpolate",
            "weights": {"tuned": rest} | dict(zip(named, others.values(), strict=True)),
        }
    try:
        return Emulation.model_validate(
            {**data, "models": models, "top_p": top_p, "draft": {"proposer": draft, "block": block}}
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise RecipeError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _share(text: str) -> tuple[str, float]:
    model, _, share = text.rpartition("=")
    try:
        if model:
            return model, float(share)
    except ValueError:
        pass
    raise RecipeError(f"{text!r} is no MODEL=SHARE", remedy="write --lambda my/model=0.3")
