"""As a new user: a model of each common type is tuned on rows with tools, and used elsewhere.

Qwen2.5's type (its base model ends texts with another token than turns), Llama 3's (bare JSON calls) and
Gemma's (no system role and no tools in its template): tuned by the command, loaded by
`transformers.generate` from the folder alone, and served to the official client.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast
from typer.testing import CliRunner

from support.families import FAMILIES
from support.served import served
from trajectune.cli.app import app
from trajectune.curate.formats import read_examples
from trajectune.example import Example
from trajectune.models.chat import renderer_of

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def conversation(city: str, degrees: str) -> dict[str, Any]:
    call = {"name": "get_weather", "arguments": json.dumps({"city": city})}
    return {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": f"{city}?"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"id": "call_1", "type": "function", "function": call}],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": degrees},
            {"role": "assistant", "content": f"{degrees} degrees."},
        ],
        "tools": [WEATHER],
    }


ROWS = [conversation("Paris", "18"), conversation("Oslo", "7")]
STEPS, RATE = 180, 5e-3
CONTEXT = 1_024


@dataclass(frozen=True)
class Tuned:
    """A tuned model's folder and the conversations that it has learned by heart."""

    folder: Path
    examples: list[Example]


def base(kind: str, folder: Path) -> Path:
    """The untuned model. Qwen's base models end a text with another token than a turn."""
    FAMILIES[kind].write(folder, context=CONTEXT, spread=None, layers=2)
    if kind == "qwen2":
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        tokenizer.eos_token = "<|endoftext|>"
        tokenizer.save_pretrained(folder)
        for name in ("config.json", "generation_config.json"):
            values = json.loads((folder / name).read_text("utf-8"))
            values["eos_token_id"] = tokenizer.eos_token_id
            (folder / name).write_text(json.dumps(values), "utf-8")
    return folder


@pytest.fixture(scope="module", params=["qwen2", "llama-3", "gemma2"])
def tuned(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    folder = tmp_path_factory.mktemp(request.param)
    file = folder / "tools.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    settings = [f"steps={STEPS}", f"learning_rate={RATE}", "batch_rows=4", "precision=fp32"]
    ended = CliRunner().invoke(
        app,
        [
            *("tune", "--data", str(file), "--model", str(base(request.param, folder / "base"))),
            *("--eta", "1", "--run-dir", str(folder / "run")),
            *(word for setting in settings for word in ("--set", f"tune.{setting}")),
        ],
    )
    assert ended.exit_code == 0, ended.output
    return Tuned(folder / "run" / "tune" / "model", list(read_examples(file)))


def test_transformers_stops_where_the_reply_ends(tuned: Tuned) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(tuned.folder)
    renderer = renderer_of(AutoTokenizer.from_pretrained(tuned.folder))
    for example in tuned.examples:
        for turn, message in enumerate(example.messages):
            if message.role == "assistant":
                prompt = renderer.prompt(example.messages[:turn], example.tools)
                given = model.generate(
                    model.dummy_inputs["input_ids"].new_tensor([prompt]),
                    do_sample=False,
                    max_new_tokens=100,
                )
                reply = given[0, len(prompt) :]
                read = renderer.read(str(renderer.tokenizer.decode(reply[:-1])), example.tools)
                assert read.content.strip() == message.content
                pairs = zip(read.calls, message.tool_calls, strict=True)
                assert all(call.same_as(one) for call, one in pairs)
                assert len(reply) < 100


def test_the_official_client_gets_calls_as_calls(tuned: Tuned) -> None:
    with served(str(tuned.folder), CONTEXT) as client:
        for row in ROWS:
            asked, call, result, last = row["messages"][:2], *row["messages"][2:]
            first = client.chat.completions.create(
                model="tuned", messages=asked, tools=row["tools"], temperature=0, max_tokens=100
            ).choices[0]
            assert first.finish_reason == "tool_calls"
            assert first.message.tool_calls
            (made,) = first.message.tool_calls
            assert made.type == "function"
            assert made.function.name == "get_weather"
            wanted = call["tool_calls"][0]["function"]["arguments"]
            assert json.loads(made.function.arguments) == json.loads(wanted)
            said: Any = first.message.to_dict()
            answered = [*asked, said, {**result, "tool_call_id": made.id}]
            second = client.chat.completions.create(
                model="tuned", messages=answered, tools=row["tools"], temperature=0, max_tokens=100
            ).choices[0]
            assert (second.finish_reason, second.message.content) == ("stop", last["content"])
