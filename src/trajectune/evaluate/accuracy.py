"""Accuracy on multiple-choice questions, scored by likelihood: the option that the model finds likeliest.

Nothing is generated and nothing parsed, so what is measured is knowledge and not the format of an answer.
The options follow the question in the model's own chat template; the score of an option is its mean
log-probability per token, so that long options are not at a loss.

Invariants: an option is scored as it would be alone; the prompt is computed once for all its options, and
only prompts of equal length are computed together, so that no padding stands before what counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from trajectune.evaluate.suites.questions import OPTIONS, Question
from trajectune.example import Message
from trajectune.models.chat import renderer_of
from trajectune.models.loading import LoadedModel
from trajectune.progress import OnProgress, silent, told

BATCH = 32
"""Most questions computed together."""


def answers(
    model: LoadedModel,
    questions: Sequence[Question],
    on_progress: OnProgress = silent,
    what: str = "questions",
) -> list[bool]:
    """Whether the model's likeliest option is right, question by question."""
    prompts = [_prompt(model, question) for question in questions]
    by_length: defaultdict[int, list[int]] = defaultdict(list)
    for index, prompt in enumerate(prompts):
        by_length[len(prompt)].append(index)
    batches = [group[i : i + BATCH] for group in by_length.values() for i in range(0, len(group), BATCH)]
    right = [False] * len(questions)
    for batch in told(batches, what, len(batches), on_progress):
        scores = _score(model, [prompts[i] for i in batch], [questions[i] for i in batch])
        for i, best in zip(batch, scores.argmax(1).tolist(), strict=True):
            right[i] = best == questions[i].answer
    return right


def option_scores(model: LoadedModel, question: Question) -> Tensor:
    """Mean log-probability per token of each option as the whole reply. Shape [options], fp32."""
    return _score(model, [_prompt(model, question)], [question])[0]


def _prompt(model: LoadedModel, question: Question) -> list[int]:
    """Tokens up to the option."""
    asked = renderer_of(model.tokenizer).prompt([Message(role="user", content=question.prompt)])
    return asked + model.tokenizer.encode(question.lead, add_special_tokens=False)


@torch.inference_mode()
def _score(model: LoadedModel, prompts: list[list[int]], questions: Sequence[Question]) -> Tensor:
    """`option_scores` of questions with prompts of equal length. Shape [questions, options]."""
    texts = [" " + text for question in questions for text in question.options]
    options = [torch.tensor(model.tokenizer.encode(text, add_special_tokens=False)) for text in texts]
    lengths = torch.tensor([len(option) for option in options], device=model.device)
    padded = torch.nn.utils.rnn.pad_sequence(options, batch_first=True).to(model.device)
    first = model.model(torch.tensor(prompts, device=model.device), use_cache=True, logits_to_keep=1)
    start = first.logits[:, -1].float().log_softmax(-1).repeat_interleave(OPTIONS, 0)
    scores = start.gather(1, padded[:, :1]).squeeze(1)
    if padded.shape[1] > 1:
        cache = first.past_key_values
        cache.batch_repeat_interleave(OPTIONS)
        logits = model.model(padded[:, :-1], past_key_values=cache, use_cache=True).logits
        rest = logits.float().log_softmax(-1).gather(2, padded[:, 1:, None]).squeeze(2)
        # Padding stands to the right, where nothing that counts attends to it.
        counts = torch.arange(1, padded.shape[1], device=model.device) < lengths[:, None]
        scores = scores + (rest * counts).sum(1)
    return (scores / lengths).view(len(questions), OPTIONS)
