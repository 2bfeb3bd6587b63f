"""`trajectune emulate`: a small model's tuning carried over to a large model, at decoding time."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from trajectune.cli.chat import Replies, Talk, converse
from trajectune.cli.options import Loading, grouped
from trajectune.cli.serve import Server, serve_composition
from trajectune.errors import RecipeError
from trajectune.terminal import Terminal

if TYPE_CHECKING:
    from trajectune.composition.composition import Composition
    from trajectune.composition.drafting import Speculation
    from trajectune.composition.files import Emulation


@dataclass(frozen=True, slots=True)
class Emulated:
    """Three models, or more, and how they are weighed: what a composition file says, as options."""

    large: Annotated[str, typer.Option("--large", metavar="M", help="Large model that was not tuned.")]
    small_tuned: Annotated[str, typer.Option("--small-tuned", metavar="M", help="Small model, tuned.")]
    small_base: Annotated[str, typer.Option("--small-base", metavar="M", help="The same before tuning.")]
    alpha: Annotated[
        float | None, typer.Option(help="Weight of the tuning: large + alpha·(tuned − base). Default 1.")
    ] = None
    beta: Annotated[
        float | None, typer.Option(help="Weight of the scale instead: tuned + beta·(large − base).")
    ] = None
    lambda_: Annotated[
        list[str] | None,
        typer.Option("--lambda", metavar="MODEL=SHARE", help="A further tuned small model, and its share."),
    ] = None
    top_p: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Change weights only on tokens that the tuned model finds likely."),
    ] = None
    draft: Annotated[
        str, typer.Option(help="Who drafts for speculative decoding: `model`, `lookup` or `none`.")
    ] = "model"
    block: Annotated[
        int | None, typer.Option(min=1, help="Tokens of a round, at most; adapted if not given.")
    ] = None
    drafter: Annotated[
        str | None,
        typer.Option(metavar="M", help="A model that only drafts, in place of the small tuned one."),
    ] = None

    def emulation(self) -> Emulation:
        """The options as a composition file would say them. Raises RecipeError for a contradiction."""
        from pydantic import ValidationError

        from trajectune.composition.files import Emulation

        draft = {"proposer": self.draft, "block": self.block, "model": self.drafter}
        try:
            return Emulation.model_validate({**self._weighed(), "top_p": self.top_p, "draft": draft})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise RecipeError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None

    def load(self, loading: Loading) -> tuple[Composition, Speculation | None]:
        """The models together, and who drafts. Raises RecipeError or ModelError."""
        emulation = self.emulation()
        return emulation.compose(**asdict(loading)), emulation.speculation

    def _weighed(self) -> dict[str, object]:
        """The models and their weights: by the tuning, by the scale, or several tuned models."""
        models = {"large": self.large, "tuned": self.small_tuned, "base": self.small_base}
        if sum(given is not None for given in (self.alpha, self.beta, self.lambda_ or None)) > 1:
            raise RecipeError(
                "more than one of --alpha, --beta and --lambda were given",
                remedy="weigh the tuning (--alpha), the scale (--beta), or several tuned models (--lambda)",
            )
        if self.beta is not None:
            return {"form": "amplify", "models": models, "strength": self.beta}
        if not self.lambda_:
            strength = 1.0 if self.alpha is None else self.alpha
            return {"form": "upscale", "models": models, "strength": strength}
        others = dict(_share(text) for text in self.lambda_)
        if len(others) < len(self.lambda_):
            raise RecipeError("--lambda names a model twice", remedy="add its shares up")
        named = {f"tuned-{number}": model for number, model in enumerate(others, 2)}
        weights = {"tuned": 1 - sum(others.values()), **dict(zip(named, others.values(), strict=True))}
        return {"form": "interpolate", "models": models | named, "weights": weights}


app = typer.Typer(
    no_args_is_help=True,
    help="Carry the skill of a small tuned model to a large untuned one while decoding.\n\n"
    "The three models must share their vocabulary. `docs/emulation.md` says which go together and what "
    "the weights do.",
)


@app.command()
@grouped
def generate(
    prompt: Annotated[str, typer.Argument(help="What to say to the model; - reads it from stdin.")],
    emulated: Emulated,
    replies: Replies,
    loading: Loading,
) -> None:
    """One reply, and on stderr how many drafted tokens were kept."""
    from trajectune.engine.engine import Engine
    from trajectune.engine.requests import Request
    from trajectune.engine.sampling import Sampling
    from trajectune.example import Message
    from trajectune.models.chat import renderer_of

    composition, speculation = emulated.load(loading)
    said = sys.stdin.read() if prompt == "-" else prompt
    tokens = renderer_of(composition.tokenizer).prompt([Message(role="user", content=said)])
    if len(tokens) >= composition.max_context:
        raise RecipeError(
            f"the prompt has {len(tokens)} tokens, and the models read {composition.max_context}",
            remedy="shorten it",
        )
    room = min(composition.max_context, len(tokens) + replies.max_new_tokens)
    engine = Engine(composition, max_batch=1, max_context=room, speculation=speculation)
    request = Request(
        tokens, replies.max_new_tokens, sampling=Sampling(replies.temperature), seed=replies.seed
    )
    reply = engine.generate([request])[0]
    Terminal().print(reply.text, markup=False, highlight=False, soft_wrap=True)
    if reply.finish != "stop":
        Terminal(stderr=True).print("[cut at the limit]", style="dim", markup=False)
    rounds = engine.speculator.lengths
    if rounds.rounds:
        note = f"{rounds.accepted} of {rounds.drafted} drafted tokens kept, in {rounds.rounds} rounds"
        Terminal(stderr=True).print(note, style="dim", highlight=False)


@app.command()
@grouped
def chat(emulated: Emulated, talk: Talk, loading: Loading) -> None:
    """Talk to the emulated model. `/new` starts over; `/quit`, Ctrl-C or Ctrl-D leaves."""
    converse(*emulated.load(loading), talk)


@app.command()
@grouped
def serve(emulated: Emulated, server: Server, loading: Loading) -> None:
    """Serve the emulated model with an OpenAI-compatible API (see `trajectune serve --help`)."""
    emulated.emulation()  # contradictions are said before an address is taken
    serve_composition(lambda: emulated.load(loading), server, server.name or "emulated")


def _share(text: str) -> tuple[str, float]:
    model, _, share = text.rpartition("=")
    try:
        if model:
            return model, float(share)
    except ValueError:
        pass
    raise RecipeError(f"{text!r} is no MODEL=SHARE", remedy="write --lambda my/model=0.3")
