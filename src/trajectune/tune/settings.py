"""What a user may set about tuning, with a sentence under each field.

The defaults are AgentTuning's where the paper gives a number (section 3: learning rate 5e-5, batch 64,
2 % warm-up, cosine, sequences of 4,096 tokens); recipes for small models set their own.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from trajectune.example import Capability
from trajectune.tune.data.labels import capability_of, is_format

Precision = Literal["auto", "fp32", "bf16"]


class LoraSettings(BaseModel):
    """Low-rank adapters (Hu et al., 2021) instead of full fine-tuning."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank: Annotated[int, Field(ge=1)] = 16
    """Rank of each adapter."""
    alpha: Annotated[float, Field(gt=0)] = 32.0
    """Scale: the adapter's output is multiplied by `alpha / rank`."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout on the adapter's input. Above 0, packings no longer give equal losses; experts have none."""
    modules: str | Annotated[list[str], Field(min_length=1)] = "all-linear"
    """Names of the layers that get an adapter, or a pattern for full names; `all-linear` means every linear
    layer but the head, each expert of a mixture included, its router not."""


class TuneSettings(BaseModel):
    """How a model is tuned.

    `TuneSettings(epochs=1, learning_rate=2.4e-4, lora=LoraSettings(rank=16))`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: Annotated[float, Field(gt=0)] = 1.0
    """Passes over the rows; ignored when `steps` is set."""
    steps: Annotated[int, Field(ge=1)] | None = None
    """Optimizer steps; the rows are gone through again, reshuffled, as often as that takes."""
    batch_rows: Annotated[int, Field(ge=1)] = 64
    """Rows in one optimizer step, over all processes."""
    pack_tokens: Annotated[int, Field(ge=1)] | None = None
    """Most unique tokens computed in one forward pass (a longer single row gets a pass of its own); empty
    leaves it to `memory`."""
    memory: Literal["auto", "fast", "lean"] = "auto"
    """What memory is used for; it changes the time, and results by rounding alone: `fast` takes packs of
    16,384 tokens and keeps attention's probabilities, `lean` packs of 4,096 and computes them twice; `auto`
    takes the fastest that fits into the memory that is free."""
    max_tokens: Annotated[int, Field(ge=2)] = 4_096
    """Longest row in tokens; longer conversations are cut when they are tokenized."""
    prefix_tree: bool = True
    """Compute tokens that rows of one pack share at their beginning only once."""
    learning_rate: Annotated[float, Field(gt=0)] = 5e-5
    """Highest learning rate, reached at the end of the warm-up."""
    warmup_ratio: Annotated[float, Field(ge=0, le=1)] = 0.02
    """Part of the steps in which the learning rate rises linearly from 0; a cosine to 0 follows."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Decay of AdamW's running mean and running square of the gradient."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """AdamW's decoupled weight decay, on matrices only."""
    clip: Annotated[float, Field(gt=0)] | None = 1.0
    """Largest norm of the whole gradient; empty switches clipping off."""
    precision: Precision = "auto"
    """Number format of weights and activations; `auto` measures which is faster. Updates are in fp32."""
    compile: bool = False
    """Have what layers do beside products and attention compiled (CPU only; needs a C++ compiler, and
    half a minute in the first step); it changes the results by rounding alone."""
    checkpoint_activations: bool = False
    """Compute activations twice instead of storing them: about a third slower, much less memory."""
    capability_weights: dict[Capability, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """How much tokens of a capability (`reasoning`, `retrieval`, `understanding`, `instruction_following`)
    count against others of their source; 1 for those not named. The source's part of the loss stays."""
    format_weight: Annotated[float, Field(ge=0)] = 1.0
    """The same for tokens that are format (brackets, markers, the end of the turn)."""
    teacher: str | None = None
    """Model of the same vocabulary whose expectations are learned in place of the tokens themselves
    (distillation); empty means the tokens."""
    lora: LoraSettings | None = None
    """Train low-rank adapters only; empty means all weights."""
    freeze_layers: Annotated[int, Field(ge=0)] = 0
    """Lowest layers that stay as they are, and the embeddings (and a tied head); a third of them frozen
    saves a quarter of the work."""
    checkpoint_every: Annotated[int, Field(ge=1)] = 50
    """Steps between two checkpoints."""
    keep_checkpoints: Annotated[int, Field(ge=1)] = 2
    """Newest checkpoints that stay on the disk while tuning; the last one goes when the model is saved."""
    seed: int = 0
    """Settles the order of rows and packs, and the adapters' initial values."""
    device: str = "auto"
    """`cpu`, `cuda` or `auto`: CUDA where there is one."""

    def weight_of(self, label: int) -> float:
        """How often a token of this label counts within its source."""
        capability = capability_of(label)
        weight = 1.0 if capability is None else self.capability_weights.get(capability, 1.0)
        return weight * self.format_weight if is_format(label) else weight
