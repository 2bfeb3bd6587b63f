"""AdamW on fp32 copies of bf16 weights.

The idea: with 8 bits of mantissa, bf16 weights cannot take the small steps of fine-tuning (an update below
1/256 of a weight rounds away), so updates happen on fp32 master weights that are rounded into the model
after each step. A gradient moves to its fp32 sum as soon as the backward pass has made it, so bf16
gradients of the whole model never exist at once and sums over packs lose nothing.

Invariant: with fp32 weights the masters *are* the weights, and this is plain AdamW.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from trajectune.tune.settings import TuneSettings


class MasterAdamW:
    """AdamW (Loshchilov & Hutter, 2019) over the trained parameters of a model."""

    def __init__(self, named: Sequence[tuple[str, nn.Parameter]], settings: TuneSettings) -> None:
        self.names = [name for name, _ in named]
        self.parameters = [parameter for _, parameter in named]
        self.masters = [_master(parameter) for parameter in self.parameters]
        decayed = [master for master in self.masters if master.ndim >= 2]
        plain = [master for master in self.masters if master.ndim < 2]
        groups = [{"params": decayed, "weight_decay": settings.weight_decay}]
        groups += [{"params": plain, "weight_decay": 0.0}]
        self._adamw = torch.optim.AdamW(
            [group for group in groups if group["params"]],
            lr=settings.learning_rate,
            betas=settings.betas,
            fused=True,
        )
        for parameter, master in zip(self.parameters, self.masters, strict=True):
            if master is not parameter:
                parameter.register_post_accumulate_grad_hook(_mover(master))

    def gradients(self) -> list[Tensor]:
        """The fp32 gradients summed so far; a parameter that got none has zeros."""
        for master in self.masters:
            if master.grad is None:
                master.grad = torch.zeros_like(master)
        return [master.grad for master in self.masters if master.grad is not None]

    @torch.no_grad()
    def step(self, learning_rate: float, clip: float | None) -> float:
        """Update the weights, forget the gradients; gives the gradient's norm before clipping."""
        gradients = self.gradients()
        norm = float(nn.utils.get_total_norm(gradients))
        if clip is not None and norm > clip:
            for gradient in gradients:
                gradient *= clip / norm
        for group in self._adamw.param_groups:
            group["lr"] = learning_rate
        self._adamw.step()
        self._adamw.zero_grad(set_to_none=True)
        self._write_back()
        return norm

    def state(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Master weights by name, and AdamW's running means by `name.exp_avg` and `name.exp_avg_sq`."""
        weights = {name: master.detach() for name, master in zip(self.names, self.masters, strict=True)}
        moments = {
            f"{name}.{key}": self._adamw.state[master][key]
            for name, master in zip(self.names, self.masters, strict=True)
            for key in ("exp_avg", "exp_avg_sq")
        }
        return weights, moments

    @torch.no_grad()
    def restore(self, weights: dict[str, Tensor], moments: dict[str, Tensor], step: int) -> None:
        """Take over what `state` gave after `step` steps."""
        for name, master in zip(self.names, self.masters, strict=True):
            master.copy_(weights[name])
            self._adamw.state[master] = {
                "step": torch.tensor(float(step), device=master.device),
                **{key: moments[f"{name}.{key}"].to(master.device) for key in ("exp_avg", "exp_avg_sq")},
            }
        self._write_back()

    def _write_back(self) -> None:
        pairs = zip(self.parameters, self.masters, strict=True)
        rounded = [(parameter, master) for parameter, master in pairs if master is not parameter]
        with torch.no_grad():
            for parameter, master in rounded:
                parameter.copy_(master)


def _master(parameter: nn.Parameter) -> nn.Parameter:
    if parameter.dtype == torch.float32:
        return parameter
    return nn.Parameter(parameter.detach().float())


def _mover(master: nn.Parameter) -> Callable[[Tensor], None]:
    """A hook that moves a fresh gradient of a bf16 parameter to its master."""

    def move(parameter: Tensor) -> None:
        gradient = parameter.grad
        if gradient is None:
            return
        if master.grad is None:
            master.grad = gradient.float()
        else:
            master.grad += gradient
        parameter.grad = None

    return move
