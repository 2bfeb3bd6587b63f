"""The sections of a recipe: one small record for each stage, with a sentence under each field.

Invariants: unknown keys are errors; what two stages have in common (the limits of an episode) is one record
with the same defaults, and each stage has its own copy of it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from trajectune.agents.channel import check_headers
from trajectune.agents.protocol import check_fields
from trajectune.curate.steps.registry import default_steps
from trajectune.environments.contract import Split
from trajectune.errors import RecipeError
from trajectune.rollout.spending import Budget, Price
from trajectune.tune.settings import TuneSettings


class Section(BaseModel):
    """Base of all sections: unknown keys are errors, values do not change in place."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ShrinkSpec(Section):
    """A small base model that is made: layers are taken out of a larger one, and the rest is healed."""

    shrink: str
    """The larger model: `embedded`, a folder, or a Hugging Face name."""
    layers: Annotated[int, Field(ge=2)] = 15
    """Layers that stay."""
    rows: Annotated[int, Field(ge=1)] = 600
    """Answers of the larger model that the small one is healed on."""
    epochs: Annotated[float, Field(gt=0)] = 3.0
    """Passes over them."""


class AgentSpec(Section):
    """Who acts while trajectories are collected."""

    kind: Literal["expert", "local", "endpoint", "guided"] = "expert"
    """`expert` knows the answer; `local` is our decoder; `endpoint` any OpenAI-compatible server; `guided`
    moves as the expert does, in a model's words: an endpoint's if `url` is set, else a local one's."""
    model: str = ""
    """Model of any but an expert; a local one defaults to the recipe's model."""
    url: str = ""
    """Base URL of an endpoint, such as `http://localhost:8000/v1`."""
    key_variable: str = "OPENAI_API_KEY"
    """Environment variable that holds the endpoint's key. The key itself is never stored."""
    workers: Annotated[int, Field(ge=1)] = 8
    """Requests to an endpoint at the same time."""
    temperature: Annotated[float, Field(ge=0)] = 0.0
    """0 is greedy."""
    stream: bool = False
    """Ask an endpoint for answers in pieces. One that answers no other way is asked so by itself."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Further headers of requests to an endpoint."""
    header_variables: dict[str, str] = Field(default_factory=dict)
    """Headers with the environment variables that hold their values, for what must not be stored."""
    body: dict[str, JsonValue] = Field(default_factory=dict)
    """Further fields of requests to an endpoint (`top_p: 0.9`); `null` leaves out one that we send."""
    requests_per_minute: Annotated[float, Field(gt=0)] | None = None
    """Requests that an endpoint allows, all workers together."""
    tokens_per_minute: Annotated[float, Field(gt=0)] | None = None
    """Tokens of prompts and replies that it allows."""
    price: Price | None = None
    """What a million tokens cost: tables then show money, and a budget may be in it."""
    budget: Budget | None = None
    """Where collecting stops; the same command goes on with a larger one."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        asks = self.kind == "endpoint" or (self.kind == "guided" and self.url)
        if asks and not (self.url and self.model):
            raise ValueError("an endpoint agent needs `url` and `model`")
        if self.budget and self.budget.money is not None and self.price is None:
            raise ValueError("a budget in money needs `price`: {prompt: …, generated: …}")
        try:
            check_headers(self.headers)
            check_fields(self.body)
        except RecipeError as error:
            raise ValueError(f"{error.what} ({error.remedy})") from None
        return self


class InstructionsSpec(Section):
    """How the tasks of an environment are made, where it does not bring them."""

    way: Literal["derive", "self_instruct"]
    """`derive` takes questions with gold SQL (database); `self_instruct` lets a teacher write tasks
    (database, operating_system). Both are AgentTuning's."""
    questions: str = ""
    """For `derive`: a JSON list of BIRD's or Spider's shape."""
    databases: str = ""
    """For `derive`: an SQLite file, a MySQL dump, or a folder with `NAME/NAME.sqlite`."""
    tasks: Annotated[int, Field(ge=1)] | None = None
    """Tasks to accept; empty: all that can be derived, or as many as are collected."""
    requests: Annotated[int, Field(ge=1)] | None = None
    """For `self_instruct`: requests at most; empty means four for each task."""
    teacher: AgentSpec | None = None
    """For `self_instruct`: who writes, `local` or `endpoint`; a temperature of 0.8 or so gives variety."""
    seeds: str = ""
    """For `self_instruct`: a file of AgentBench's tasks to draw examples from; empty: generated ones."""
    max_new_tokens: Annotated[int, Field(ge=1)] = 700
    """Longest reply of the teacher."""
    max_context: Annotated[int, Field(ge=64)] = 4096
    """Longest prompt and reply of a local teacher, in tokens."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.way == "derive" and not (self.questions and self.databases):
            raise ValueError("`way: derive` needs `questions` and `databases`")
        writes = self.teacher is not None and self.teacher.kind in ("local", "endpoint")
        if self.way == "self_instruct" and not writes:
            raise ValueError("`way: self_instruct` needs a `teacher` of kind `local` or `endpoint`")
        return self


class EnvironmentSpec(Section):
    """One environment of the recipe: where its tasks come from and how many are used."""

    environment: str = ""
    """Entry-point name or `package.module:Class`; empty means the key of this section."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Keyword options of the environment."""
    collect: Annotated[int, Field(ge=0)] = 0
    """Tasks of the train split to collect trajectories from."""
    instructions: InstructionsSpec | None = None
    """How these tasks are made, if they are not the environment's own; `collect` then is a limit."""
    agent: AgentSpec | None = None
    """Who acts here while trajectories are collected; empty means the recipe's `agent`."""
    attempts: Annotated[int, Field(ge=1)] = 1
    """Episodes for each of these tasks, each with its own seed."""
    threshold: float | None = None
    """Reward below which a trajectory is filtered out; empty means the environment's own."""
    evaluate: Annotated[int, Field(ge=0)] = 0
    """Tasks of the evaluation split on which every system is measured."""
    split: Split = "test"
    """Split that is evaluated."""

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        if self.agent and (self.agent.price or self.agent.budget):
            raise ValueError("`price` and `budget` are for the whole collection: put them under `agent`")
        return self


class SourceSpec(Section):
    """One source of conversations that were not collected by this run."""

    data: str
    """A file, `hf:owner/name[:split]`, or (general only) `self`: prompts the base model answers itself."""
    rows: Annotated[int, Field(ge=1)] | None = None
    """Rows to draw, seeded; empty means all of a file, or 300 of `self`."""
    weight: Annotated[float, Field(gt=0)] = 1.0
    """Share among the general sources (AgentTuning: GPT-4 conversations 0.2, GPT-3.5 ones 0.8)."""
    reasoning: Literal["keep", "omit"] = "keep"
    """Reasoning that the data holds apart from replies: `keep` trains it with them, `omit` does not."""


ExportFormat = Literal["agentinstruct", "sharegpt", "agentflan", "openai", "alpaca"]


class CurateSpec(Section):
    """How agent and general data are mixed (AgentTuning, section 2.3, equation 1)."""

    eta: Annotated[float, Field(ge=0, le=1)] = 0.2
    """η: the share of the loss that agent data gets. 1 is agent-only, 0 general-only."""
    agent: dict[str, SourceSpec] = Field(default_factory=dict)
    """Agent data from elsewhere, by name, beside what the environments of this recipe give."""
    general: dict[str, SourceSpec] = Field(default_factory=dict)
    """General sources by name."""
    validation: Annotated[int, Field(ge=0)] = 50
    """General examples held out for the general loss."""
    steps: list[str | dict[str, dict[str, Any] | None]] = Field(default_factory=default_steps)
    """Curate steps in their order, each a name or a name with its options."""
    export: ExportFormat | None = None
    """Format in which the training rows of each source are also written, as `export/SOURCE.parquet`."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        both = self.agent.keys() & self.general.keys()
        if both:
            raise ValueError(f"agent and general sources share names: {', '.join(sorted(both))}")
        if any(source.data == "self" for source in self.agent.values()):
            raise ValueError("`data: self` is for general sources: agent data needs a file or a data set")
        return self


class TuneSpec(TuneSettings):
    """How the model is tuned."""

    seed: int | None = None  # pyright: ignore[reportIncompatibleVariableOverride]
    """Settles the order of rows and packs, and the adapters' initial values; empty means the recipe's."""

    def settings(self, seed: int) -> TuneSettings:
        """What the trainer takes, in a recipe of this seed."""
        own = self.seed if self.seed is not None else seed
        return TuneSettings.model_validate(self.model_dump() | {"seed": own})


class RolloutSpec(Section):
    """Limits of the episodes in which trajectories are collected."""

    batch_size: Annotated[int, Field(ge=1)] = 16
    """Conversations decoded at once. Changes the speed alone."""
    max_new_tokens: Annotated[int, Field(ge=1)] = 128
    """Longest reply (AgentBench: 128)."""
    max_context: Annotated[int, Field(ge=64)] = 2048
    """Longest conversation, in tokens."""
    precision: Literal["auto", "float32", "bfloat16", "int8"] = "auto"
    """Numbers that the model is decoded with: `int8` (CPU) is faster and rounds more; results say so."""
    bad_format_limit: Annotated[int, Field(ge=1)] = 1
    """Unreadable replies in a row that end an episode (AgentBench: 1)."""
    repetition_limit: Annotated[int, Field(ge=1)] | None = None
    """Repetitions in a row (same call, same answer) that end an episode; empty: none do (AgentBench)."""
    history_limit: Annotated[int, Field(ge=1)] | None = None
    """Segments of the conversation that the agent is shown (AgentBench: 3500); empty: all of it."""


class EvaluateSpec(RolloutSpec):
    """What is measured of every system, and the limits of its episodes."""

    general: bool = True
    """Measure general ability too: the loss on held-out general examples, and multiple choice."""
    references: dict[str, dict[str, float]] = Field(default_factory=dict)
    """Scores of reference models, `{model: {suite: score}}`: for AgentTuning's overall score."""
    allow_other_template: bool = False
    """Measure a tuned model also under another chat template than the one it was tuned with."""


class SuiteSpec(Section):
    """A suite of your own, with its options as further keys."""

    model_config = ConfigDict(extra="allow", frozen=True)

    suite: str
    """`package.module:Class`, a subclass of `trajectune.Suite`."""

    @property
    def options(self) -> dict[str, Any]:
        """The further keys: keyword options of the class."""
        return dict(self.model_extra or {})
