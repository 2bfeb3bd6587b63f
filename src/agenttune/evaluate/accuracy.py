"""Accuracy on multiple-choice questions, scored by likelihood: the option that the model finds likeliest.

Nothing is generated and nothing parsed, so what is measured is knowledge and not the format of an answer.
The options follow the question in the model's own chat template; the score of an option is its mean
log-probability per token, so that long options are not at a loss.

Invariants: an option is scored as it would be alone; the prompt is computed once for all its options.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from agenttune.decode.loading import LoadedModel
from agenttune.evaluate.choices import Question


def answers(model: LoadedModel, questions: Sequence[Question], what: str = "questions") -> list[bool]:
    """Whether the model's likeliest option is right, question by question."""
    console = Console(stderr=True)
    shown = track(questions, what, console=console, disable=not console.is_terminal, transient=True)
    return [int(option_scores(model, each).argmax()) == each.answer for each in shown]


@torch.inference_mode()
def option_scores(model: LoadedModel, question: Question) -> Tensor:
    """Mean log-probability per token of each option as the whole reply. Shape [options], fp32."""
    prompt = model.chat_tokens([{"role": "user", "content": question.prompt}])
    prompt += model.tokenizer.encode(question.lead, add_special_tokens=False)
    options = [model.tokenizer.encode(" " + text, add_special_tokens=False) for text in question.options]
    lengths = torch.tensor([len(option) for option in options], device=model.device)
    padded = torch.nn.utils.rnn.pad_sequence([torch.tensor(o) for o in options], batch_first=True)
    padded = padded.to(model.device)
    first = model.model(torch.tensor([prompt], device=model.device), use_cache=True, logits_to_keep=1)
    start = first.logits[:, -1].float().log_softmax(-1).expand(len(options), -1)
    scores = start.gather(1, padded[:, :1]).squeeze(1)
    if padded.shape[1] > 1:
        cache = first.past_key_values
        cache.batch_repeat_interleave(len(options))
        logits = model.model(padded[:, :-1], past_key_values=cache, use_cache=True).logits
        rest = logits.float().log_softmax(-1).gather(2, padded[:, 1:, None]).squeeze(2)
        # Padding stands to the right, where nothing that counts attends to it.
        counts = torch.arange(1, padded.shape[1], device=model.device) < lengths[:, None]
        scores = scores + (rest * counts).sum(1)
    return scores / lengths
