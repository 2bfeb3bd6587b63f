"""A model made ready to learn, and one forward and backward pass over a pack.

The idea: the trainer uses any Hugging Face causal model as it is: the body gives hidden states of a pack
(our attention plugged in), the head meets only the states that predict a trained token.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from trajectune.errors import ModelError
from trajectune.models.loading import LoadedModel, load_model
from trajectune.models.precision import fastest_training
from trajectune.models.vocabulary import alignment, output_rows
from trajectune.tune.data.tree import Pack
from trajectune.tune.model.attention import ATTENTION
from trajectune.tune.model.compiled import compile_layers
from trajectune.tune.model.head import Head, layers_of, parts_of
from trajectune.tune.model.last import end_at_targets
from trajectune.tune.model.layout import layout_of
from trajectune.tune.model.lora import add_adapters
from trajectune.tune.model.loss import GroupWeights, weighted_cross_entropy
from trajectune.tune.model.proof import prove_model
from trajectune.tune.saving import adopt_end
from trajectune.tune.settings import TuneSettings

_log = logging.getLogger(__name__)
_NAMES = {"fp32": "float32", "bf16": "bfloat16"}


class TrainableModel:
    """A model in training mode with what is trained of it."""

    def __init__(
        self,
        model: nn.Module,
        tokenizer: PreTrainedTokenizerBase | None = None,
        teacher: PreTrainedModel | None = None,
    ) -> None:
        whole: Any = model
        self.whole = whole
        """What is saved: the model, or its adapters."""
        self.tokenizer = tokenizer
        self._teacher: tuple[nn.Module, Head] | None = None if teacher is None else parts_of(teacher)
        plain: PreTrainedModel = whole.get_base_model() if hasattr(whole, "peft_config") else whole
        self.config = plain.config
        self._body, self._head = parts_of(plain)
        self.device = self._head.weight.device
        self.keep = False
        """Whether attention keeps its probabilities for the backward pass."""
        self.short = True
        """Whether the last layer is computed at targets only, where its type allows it."""
        model.train()

    @property
    def vocabulary(self) -> int:
        """Tokens that the model can read and predict."""
        return len(self._head.weight)

    @property
    def trained(self) -> list[tuple[str, nn.Parameter]]:
        """The parameters that are trained, by name; tied ones once."""
        return [(name, p) for name, p in self.whole.named_parameters() if p.requires_grad]

    def accumulate(self, packs: Sequence[Pack], weights: GroupWeights) -> NDArray[np.float64]:
        """Add the packs' gradients; gives the sum of −log p over each group's trained tokens, shape [G]."""
        sums = np.zeros(len(weights.factors))
        for pack in packs:
            loss, losses = self.loss(pack, weights)
            loss.backward()
            sums += losses.double().cpu().numpy() @ pack.counts
        return sums

    def loss(self, pack: Pack, weights: GroupWeights) -> tuple[torch.Tensor, torch.Tensor]:
        """The pack's part of the step's loss, and −log p of each of its targets [N], detached.

        With a teacher, its distribution takes the place of the label (`weighted_cross_entropy`).
        """
        target_weights = self._tensor(weights.of_targets(pack.counts).astype(np.float32))
        teacher = None
        if self._teacher is not None:
            body, head = self._teacher
            with torch.no_grad():
                teacher = (self._states(body, pack), head)
        return weighted_cross_entropy(
            self._states(self._body, pack), self._head, self._tensor(pack.labels), target_weights, teacher
        )

    def _states(self, body: nn.Module, pack: Pack) -> torch.Tensor:
        """Hidden states [N, E] that predict the pack's targets."""
        short = self.short and end_at_targets(body)
        layout = layout_of(pack, self.device, keep=self.keep and torch.is_grad_enabled(), short=short)
        hidden = body(
            input_ids=self._tensor(pack.tokens).unsqueeze(0),
            position_ids=self._tensor(pack.positions).unsqueeze(0),
            use_cache=False,
            layout=layout,
        ).last_hidden_state[0]
        return hidden if short else hidden[layout.predecessors]

    def _tensor(self, array: NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device)


def load_trainable(
    model: str | Path, settings: TuneSettings, precision: str, device: str
) -> TrainableModel:
    """Load a model by name or folder for tuning, with adapters where the settings ask for them.

    `precision` is `fp32` or `bf16`. Raises `ModelError` for what cannot be loaded or tuned.
    """
    # To tune under another template than before is to choose that template.
    loaded = load_model(str(model), _NAMES[precision], device, allow_other_template=True)
    adopt_end(loaded)
    plain = loaded.model
    plain.set_attn_implementation(ATTENTION)
    prove_model(plain, str(model))
    if switch_off_dropout(plain):
        _log.warning("%s: the dropout that the model's configuration asks for is off while tuning", model)
    if settings.checkpoint_activations:
        checkpoint_activations(plain)
    torch.manual_seed(settings.seed)
    whole = choose_trained(plain, settings, str(model))
    if settings.compile:
        compile_layers(parts_of(plain)[0], device)
    return TrainableModel(
        whole, loaded.tokenizer, _load_teacher(loaded, settings.teacher, precision, device)
    )


def choose_trained(model: PreTrainedModel, settings: TuneSettings, name: str = "") -> nn.Module:
    """The model with what the settings leave to be trained: all, upper layers, or adapters on them.

    Raises ModelError or RecipeError where the settings do not fit the model.
    """
    _freeze(model, settings.freeze_layers)
    return model if settings.lora is None else add_adapters(model, settings.lora, name)


def switch_off_dropout(model: PreTrainedModel) -> bool:
    """A model's own dropout is for pretraining, and would make a row's loss depend on its pack.

    Attention has none here (`attend`); what is left are the layers of this kind. True where there was some.
    """
    found = bool(getattr(model.config.get_text_config(), "attention_dropout", 0))
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            found, module.p = found or module.p > 0, 0.0
    return found


def checkpoint_activations(model: Any) -> None:
    """Switch it on under the name that this transformers has for it."""
    name = "activation_checkpointing_enable"
    getattr(model, name if hasattr(model, name) else "gradient_checkpointing_enable")()


def _load_teacher(
    student: LoadedModel, name: str | None, precision: str, device: str
) -> PreTrainedModel | None:
    """The model to learn from, frozen. Raises `ModelError` where its vocabulary is another."""
    if name is None:
        return None
    teacher = load_model(name, dtype=_NAMES[precision], device=device)
    alignment(student, teacher)
    theirs, ours = output_rows(teacher), output_rows(student)
    if theirs != ours:
        raise ModelError(
            f"the teacher's logits have {theirs:,} columns, the model's {ours:,}",
            where=name,
            remedy="distil from a model of the same family and padding, or leave `teacher` away",
        )
    teacher.model.set_attn_implementation(ATTENTION)
    prove_model(teacher.model, name)
    return teacher.model.requires_grad_(False).eval()


def choose_precision(settings: TuneSettings, device: str) -> str:
    """`fp32` or `bf16`: as set, or the one whose matrix products are faster here (about 0.2 s)."""
    if settings.precision != "auto":
        return settings.precision
    return fastest_training(device)


def _freeze(model: PreTrainedModel, count: int) -> None:
    """Keep the embeddings and the lowest `count` layers as they are: no gradient reaches them.

    So does all that takes no part in predicting words, such as the eyes of a model that sees.
    """
    body, head = parts_of(model)
    used = {id(parameter) for parameter in (*body.parameters(), head.weight, head.bias)}
    for parameter in model.parameters():
        parameter.requires_grad_(id(parameter) in used)
    if not count:
        return
    layers = layers_of(body)
    if count >= len(layers):
        raise ModelError(
            f"{count} layers cannot be frozen: the model has {len(layers) or 'no list of'} layers",
            remedy="freeze fewer layers",
        )
    for part in (model.get_input_embeddings(), *layers[:count]):
        part.requires_grad_(False)
