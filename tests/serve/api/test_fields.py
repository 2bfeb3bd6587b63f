"""Fields of other servers, and of this one: what a client asks for is done or refused, never ignored."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from trajectune.composition.composition import Composition
from trajectune.models.chat import hidden_tokens
from trajectune.models.loading import LoadedModel
from trajectune.serve.api.errors import ApiError
from trajectune.serve.api.protocol import ChatRequest, CompletionRequest

NAME = "tiny-model"
HELLO = [{"role": "user", "content": "Hello!"}]

ASKING: dict[str, dict[str, Any]] = {
    "OpenAI": {
        "audio": {"voice": "alloy", "format": "wav"},
        "frequency_penalty": 0.5,
        "function_call": {"name": "f"},
        "functions": [{"name": "f"}],
        "logit_bias": {"5": 1},
        "logprobs": True,
        "modalities": ["text", "audio"],
        "presence_penalty": -0.5,
        "response_format": {"type": "json_schema", "json_schema": {}},
        "top_logprobs": 3,
        "verbosity": "low",
        "web_search_options": {"search_context_size": "low"},
        "instructions": "Be kind.",
        "max_output_tokens": 5,
        "previous_response_id": "resp_1",
        "reasoning": {"effort": "low"},
        "truncation": "auto",
    },
    "vLLM": {
        "allowed_token_ids": [5],
        "bad_words": ["no"],
        "add_generation_prompt": False,
        "chat_template": "{{ messages }}",
        "continue_final_message": True,
        "documents": [{"text": "x"}],
        "echo": True,
        "guided_choice": ["a", "b"],
        "guided_grammar": "root ::= 'a'",
        "guided_json": {"type": "object"},
        "guided_regex": "a+",
        "include_reasoning": False,
        "include_stop_str_in_output": True,
        "length_penalty": 2.0,
        "logits_processors": ["x"],
        "min_tokens": 5,
        "mm_processor_kwargs": {"a": 1},
        "prompt_logprobs": 0,
        "return_token_ids": True,
        "return_tokens_as_token_ids": True,
        "structural_tag": "x",
        "structured_outputs": {"json": {}},
        "thinking_token_budget": 0,
        "truncate_prompt_tokens": -1,
        "use_beam_search": True,
        "vllm_xargs": {"a": 1},
    },
    "SGLang": {
        "custom_logit_processor": "x",
        "ebnf": "root ::= 'a'",
        "input_ids": [1, 2],
        "json_schema": "{}",
        "lora_path": "x",
        "no_stop_trim": True,
        "regex": "a+",
        "return_hidden_states": True,
        "separate_reasoning": False,
        "stop_regex": "a+",
    },
    "llama.cpp": {
        "dry_multiplier": 0.8,
        "dynatemp_range": 0.5,
        "grammar": "root ::= 'a'",
        "image_data": ["x"],
        "lora": [{"id": 0, "scale": 0.5}],
        "mirostat": 2,
        "n_predict": 5,
        "n_probs": 3,
        "reasoning_budget": 0,
        "reasoning_format": "none",
        "repeat_penalty": 1.1,
        "samplers": ["top_k"],
        "t_max_predict_ms": 100,
        "top_n_sigma": 1.0,
        "typical_p": 0.9,
        "xtc_probability": 0.5,
    },
    "TGI": {
        "adapter_id": "x",
        "decoder_input_details": True,
        "details": True,
        "do_sample": False,
        "guideline": "x",
        "max_new_tokens": 5,
        "return_full_text": True,
        "tool_prompt": "x",
        "top_n_tokens": 3,
        "truncate": 10,
        "watermark": True,
    },
    "others": {
        "enable_thinking": False,
        "format": "json",
        "models": ["a"],
        "options": {"num_ctx": 5},
        "random_seed": 5,
        "safe_prompt": True,
        "stop_sequences": ["x"],
        "system": "Be kind.",
        "think": False,
        "thinking": {"type": "enabled"},
        "top_a": 0.5,
        "transforms": ["middle-out"],
        "never_heard_of": 0,
    },
}
"""Values that ask for something, by server."""
NEUTRAL: dict[str, list[Any]] = {
    "frequency_penalty": [0, 0.0],
    "function_call": ["auto", "none"],
    "functions": [[]],
    "logit_bias": [{}],
    "logprobs": [False],
    "modalities": [["text"]],
    "response_format": [{"type": "text"}],
    "add_generation_prompt": [True],
    "continue_final_message": [False],
    "min_tokens": [0],
    "echo": [False],
    "typical_p": [1, 1.0],
    "repeat_penalty": [1.0],
    "mirostat": [0],
    "n_predict": [-1],
    "grammar": [""],
    "do_sample": [True],
}
KINDS = (ChatRequest, CompletionRequest)


def chat(**options: Any) -> ChatRequest:
    return ChatRequest.model_validate({"model": "m", "messages": HELLO, **options})


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for fields in ASKING.values() for field, value in fields.items()],
    ids=str,
)
def test_what_is_not_done_is_refused_by_name(field: str, value: Any) -> None:
    for kind in KINDS:
        body = {"model": "m", "messages": HELLO, "prompt": "x"}
        del body["prompt" if kind is ChatRequest else "messages"]
        with pytest.raises(ApiError, match=f"^{field} is not supported") as caught:
            kind.model_validate({**body, field: value})
        assert (caught.value.status, caught.value.param) == (400, field)
        for nothing in (None, *NEUTRAL.get(field, ())):
            kind.model_validate({**body, field: nothing})


@pytest.mark.parametrize(
    ("field", "instead"),
    [
        ("max_new_tokens", "max_tokens"),
        ("repeat_penalty", "repetition_penalty"),
        ("stop_sequences", "stop"),
        ("enable_thinking", "chat_template_kwargs"),
    ],
)
def test_the_name_that_is_known_here_is_said(field: str, instead: str) -> None:
    with pytest.raises(ApiError, match=f"; use {instead}$"):
        chat(**{field: 7})


def test_false_is_no_zero_and_a_bool_is_no_number() -> None:
    with pytest.raises(ApiError, match="logprobs is not supported"):
        chat(logprobs=0)
    with pytest.raises(ValueError, match="valid integer"):
        chat(max_tokens=True)


def test_special_tokens_before_a_text_are_the_endpoints_own() -> None:
    chat(add_special_tokens=False)
    CompletionRequest.model_validate({"model": "m", "prompt": "x", "add_special_tokens": True})
    with pytest.raises(ApiError, match="add_special_tokens is not supported"):
        chat(add_special_tokens=True)
    with pytest.raises(ApiError, match="add_special_tokens is not supported"):
        CompletionRequest.model_validate({"model": "m", "prompt": "x", "add_special_tokens": False})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prefix", True),
        ("partial", True),
        ("function_call", {"name": "f", "arguments": "{}"}),
        ("audio", {"id": "a"}),
        ("images", ["aGk="]),
        ("reasoning_details", [{"text": "hm"}]),
    ],
)
def test_what_a_message_would_lose_is_refused(field: str, value: Any) -> None:
    message = {"role": "assistant", "content": "x"}
    with pytest.raises(ValueError, match=f"{field} is not supported") as caught:
        chat(messages=[*HELLO, {**message, field: value}])
    assert "messages.1" in str(caught.value)
    harmless = {"id": "msg_1", "annotations": [], "audio": None, "function_call": None, "refusal": None}
    chat(messages=[*HELLO, {**message, **harmless, field: None}])


def body(**options: Any) -> dict[str, Any]:
    return {"model": NAME, "messages": HELLO, "max_tokens": 60, "temperature": 0, **options}


def said(server: Any, text: str, **options: Any) -> tuple[str, str]:
    """Reply and reason of its end, where the model says this text."""
    with server.engine.dictated(text):
        response = server.post(json=body(**options))
    assert response.status_code == 200, response.text
    (choice,) = response.json()["choices"]
    return choice["message"]["content"], choice["finish_reason"]


def test_further_end_tokens_end_a_reply(server: Any, tiny: LoadedModel) -> None:
    (token,) = tiny.tokenizer("!", add_special_tokens=False)["input_ids"]
    assert said(server, "Hey! You!", stop_token_ids=[token]) == ("Hey", "stop")
    assert said(server, "Hey! You!", stop_token_ids=[]) == ("Hey! You!", "stop")
    for wrong, why in (([1 << 40], "has no token"), ([-1], "greater"), (["!"], "integer")):
        refused = server.post(json=body(stop_token_ids=wrong))
        assert (refused.status_code, why in refused.json()["error"]["message"]) == (400, True)


def test_ends_are_ignored_where_asked_for(server: Any, tiny: LoadedModel) -> None:
    end = str(tiny.tokenizer.eos_token)
    assert said(server, f"One{end}two{end * 60}") == ("One", "stop")
    assert said(server, f"One{end}two{end * 60}", ignore_eos=True) == ("Onetwo", "length")


def test_special_tokens_show_where_asked_for(server: Any, tiny: LoadedModel) -> None:
    hidden = hidden_tokens(tiny.tokenizer) - set(tiny.end_tokens)
    word = str(tiny.tokenizer.convert_ids_to_tokens(min(hidden)))
    assert said(server, f"One{word}two")[0] == "Onetwo"
    assert said(server, f"One{word}two", skip_special_tokens=True)[0] == "Onetwo"
    assert said(server, f"One{word}two", skip_special_tokens=False)[0] == f"One{word}two"


class TestTheTemplatesVariables:
    @pytest.fixture
    def thinking(self, serve: Any, tiny: LoadedModel) -> Any:
        """A server whose template has two variables."""
        tokenizer = copy.deepcopy(tiny.tokenizer)
        tokenizer.chat_template = (
            "{% for m in messages %}{{ m.content }};{% endfor %}"
            "{% if enable_thinking is defined and not enable_thinking %}quick{% endif %}"
            "{{ reasoning_effort or '' }}{% if add_generation_prompt %}>{% endif %}"
        )
        return serve(Composition.single(LoadedModel(tiny.model, tokenizer, "thinking")))

    def prompt(self, server: Any, **options: Any) -> str:
        seen: list[Any] = []
        submit = server.engine.submit
        server.engine.submit = lambda key, request: (seen.append(request), submit(key, request))
        try:
            response = server.post(json=body(**{"max_tokens": 1, **options}))
            assert response.status_code == 200, response.text
        finally:
            server.engine.submit = submit
        return str(server.engine.composition.tokenizer.decode(seen[0].tokens))

    def test_they_reach_the_prompt(self, thinking: Any) -> None:
        assert self.prompt(thinking) == "Hello!;>"
        asked = {"chat_template_kwargs": {"enable_thinking": False}}
        assert self.prompt(thinking, **asked) == "Hello!;quick>"
        assert self.prompt(thinking, reasoning_effort="low") == "Hello!;low>"
        assert self.prompt(thinking, **asked, reasoning_effort="low") == "Hello!;quicklow>"

    @pytest.mark.parametrize(
        ("variables", "why"),
        [
            ({"enable_thinkng": False}, "no variable 'enable_thinkng'"),
            ({"messages": []}, "no variable 'messages'"),
            ({"add_generation_prompt": False}, "no variable"),
            ({"tokenize": True}, "no variable"),
            ({"eos_token": "x"}, "no variable"),
            ({".*": 1}, "no variable"),
            ({"reasoning_effort": "x" * 5000}, "longer than 4,096"),
            ([], "JSON object"),
            ("{", "JSON object"),
        ],
    )
    def test_others_are_refused(self, thinking: Any, variables: Any, why: str) -> None:
        refused = thinking.post(json=body(chat_template_kwargs=variables))
        assert refused.status_code == 400
        assert refused.json()["error"]["param"] == "chat_template_kwargs"
        assert why in refused.json()["error"]["message"]

    def test_a_template_without_effort_refuses_it(self, server: Any) -> None:
        refused = server.post(json=body(reasoning_effort="high"))
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "reasoning_effort")
