"""What is asked becomes what the engine is asked, and what cannot be is refused before it gets there."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from support.templates import HERMES
from trajectune.composition.composition import Composition, Term
from trajectune.engine.engine import Engine
from trajectune.models.loading import LoadedModel
from trajectune.serve.admission import Admission
from trajectune.serve.api.errors import ApiError
from trajectune.serve.api.protocol import ChatRequest, CompletionRequest

TOOL = {"type": "function", "function": {"name": "clock", "strict": True}}


def admission(model: LoadedModel, template: str | None = None) -> Admission:
    tokenizer = copy.deepcopy(model.tokenizer)
    tokenizer.chat_template = template
    engine = Engine(Composition.single(replace(model, tokenizer=tokenizer)), max_context=512)
    return Admission(engine, "m")


def chat(**options: Any) -> ChatRequest:
    messages = [{"role": "user", "content": "Time?"}]
    return ChatRequest.model_validate({"model": "m", "messages": messages, **options})


def test_a_template_that_knows_tools_is_given_them(tiny: LoadedModel) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "clock", "arguments": '{"zone": "UTC"}'}}
    messages = [
        {"role": "user", "content": "Time?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "noon", "tool_call_id": "1"},
    ]
    (request,) = admission(tiny, HERMES).chat(chat(messages=messages, tools=[TOOL]))
    assert tiny.tokenizer.decode(request.tokens) == (
        '{"type": "function", "function": {"name": "clock", "description": "", "parameters": {}}}'
        "<|im_start|>user\nTime?<|im_end|>\n<|im_start|>assistant\n\n<tool_call>\n"
        '{"name": "clock", "arguments": {"zone": "UTC"}}\n</tool_call><|im_end|>\n'
        "<|im_start|>tool\nnoon<|im_end|>\n<|im_start|>assistant\n"
    )


def test_tools_that_are_not_to_be_called_are_not_shown(tiny: LoadedModel) -> None:
    (request,) = admission(tiny, HERMES).chat(chat(tools=[TOOL], tool_choice="none"))
    assert tiny.tokenizer.decode(request.tokens) == (
        "<|im_start|>user\nTime?<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (None, "no chat template; use /v1/completions"),
        ("{{ raise_exception('Only Latin.') }}", "refuses this conversation: Only Latin."),
        ("{{ messages[7].content.x }}", "refuses this conversation"),
        ("{# nothing #}", "the prompt is empty"),
    ],
)
def test_a_template_that_fails_is_the_clients_error(
    tiny: LoadedModel, template: str | None, said: str
) -> None:
    with pytest.raises(ApiError, match=said) as caught:
        admission(tiny, template).chat(chat())
    assert caught.value.status == 400


def test_tokens_that_some_model_cannot_read_are_refused(tiny: LoadedModel, other: LoadedModel) -> None:
    known = {number: number for number in range(100)}
    composition = Composition((Term(tiny), Term(other, ids=known)))
    desk = Admission(Engine(composition, max_context=64), "m")
    asked = {"model": "m", "prompt": [5, 99]}
    assert desk.completion(CompletionRequest.model_validate(asked))[0].tokens == [5, 99]
    for tokens in ([5, 100], [5, len(tiny.tokenizer)], [-1]):
        with pytest.raises(ApiError, match="does not have"):
            desk.completion(CompletionRequest.model_validate({**asked, "prompt": tokens}))


def test_the_longest_prompt_leaves_room_for_one_token(tiny: LoadedModel) -> None:
    desk = Admission(Engine(Composition.single(tiny), max_context=10), "m")

    def ask(prompt: int, **options: Any) -> int:
        asked = {"model": "m", "prompt": [5] * prompt, **options}
        return desk.completion(CompletionRequest.model_validate(asked))[0].max_new_tokens

    assert ask(9, max_tokens=1) == 1
    for too_long in ({"prompt": 10, "max_tokens": 1}, {"prompt": 9, "max_tokens": 2}):
        with pytest.raises(ApiError, match="maximum context length is 10 tokens"):
            ask(**too_long)


def test_seeds_at_the_end_of_their_range_are_seeds(tiny: LoadedModel) -> None:
    engine = Engine(Composition.single(tiny), max_context=64)
    asked = {"model": "m", "prompt": "a", "n": 3, "temperature": 1, "max_tokens": 3}
    for seed in (-(1 << 63), (1 << 63) - 1):
        request = CompletionRequest.model_validate({**asked, "seed": seed})
        requests = Admission(engine, "m").completion(request)
        assert len({request.seed for request in requests}) == 3
        assert len(engine.generate(requests)) == 3
