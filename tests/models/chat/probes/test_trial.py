"""Chat templates that cost too much are found out in a process of their own, before they run in ours."""

from __future__ import annotations

import copy
import json
import resource
import time
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerBase

from support.families import FAMILIES
from support.models import tiny_tokenizer
from trajectune.errors import ModelError
from trajectune.models.chat.probes import sandbox, trial
from trajectune.models.chat.renderer import ChatRenderer, renderer_of
from trajectune.models.loading import load_model
from trajectune.models.templates import TEMPLATES
from trajectune.models.tiny import CHATML

FOREVER = "{% for a in range(99999) %}" * 4 + "{% endfor %}" * 4
TWICE = "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}"
DOUBLED = "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}"
PRINTED = "{% for i in range(100000) %}{{ 'x' * 1000 }}{% endfor %}"
LONG, ENDLESS, LARGE = "writes far more", "does not come to an end", "512 MB"
COSTLY = {
    "prints 100 MB": (PRINTED, LONG),
    "prints 100 MB at once": ("{{ 'x' * 100000000 }}", f"{LONG}|{LARGE}|{ENDLESS}"),
    "prints after ten turns": ("{% if messages | length > 10 %}" + PRINTED + "{% endif %}" + CHATML, LONG),
    "prints with tools": (CHATML + "{% if tools %}" + PRINTED + "{% endif %}", LONG),
    "prints with reasoning": (
        "{% for m in messages if m.reasoning_content %}" + PRINTED + "{% endfor %}" + CHATML,
        LONG,
    ),
    "loops": (FOREVER, ENDLESS),
    "takes exponential time": (TWICE, ENDLESS),
    "doubles a string": (DOUBLED, f"{LARGE}|{ENDLESS}"),  # whichever limit is met first
    "multiplies a string": ("{{ ('x' * 10 ** 10)[:1] }}", LARGE),
    "fills a string": ("{{ 'x'.ljust(10 ** 11)[:1] }}", LARGE),
    "is long": ("x" * 2_000_000, "has 2,000,000 characters"),
}


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRAJECTUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(trial, "_CPU_SECONDS", 1)
    trial._reason.cache_clear()


def with_template(template: Any) -> PreTrainedTokenizerBase:
    made = copy.copy(tiny_tokenizer())
    made.chat_template = template
    return made


@pytest.mark.parametrize("name", COSTLY)
def test_a_costly_template_never_runs_here(name: str) -> None:
    template, match = COSTLY[name]
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError, match=match) as caught:
        ChatRenderer(with_template(template))
    assert "chatml" in caught.value.remedy
    assert time.perf_counter() - start < trial._WALL_SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10


def test_each_of_several_named_templates_is_tried() -> None:
    with pytest.raises(ModelError, match=LONG):
        ChatRenderer(with_template({"default": CHATML, "tool_use": PRINTED}))


def test_a_model_with_a_costly_template_is_still_a_model(tmp_path: Path) -> None:
    folder = FAMILIES["qwen2"].write(tmp_path / "model")
    (folder / "chat_template.jinja").write_text(PRINTED, "utf-8")
    loaded = load_model(str(folder), "float32", "cpu")
    with pytest.raises(ModelError, match=LONG):
        renderer_of(loaded.tokenizer)


def test_a_template_is_tried_once_on_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    monkeypatch.setattr(trial, "_try", lambda _, asked: tried.append(asked) or "")
    for _ in range(2):
        ChatRenderer(with_template(CHATML))
        trial._reason.cache_clear()
    assert len(tried) == 1
    ChatRenderer(with_template(CHATML + " "))
    assert len(tried) == 2


def test_what_a_template_refuses_does_not_matter_here() -> None:
    ChatRenderer(with_template("{{ raise_exception('only one turn') }}"))
    ChatRenderer(with_template("{% if %}"))


def test_more_than_a_conversation_can_need_is_refused() -> None:
    template = "{% if 'much' in messages[0].content %}{{ 'x' * 300000 }}{% endif %}" + CHATML
    renderer = ChatRenderer(with_template(template))
    assert "Hi" in renderer.apply([{"role": "user", "content": "Hi"}], [], opened=True)
    with pytest.raises(ModelError, match="wrote 300,"):
        renderer.apply([{"role": "user", "content": "much"}], [], opened=True)
    long = "word " * 200_000
    assert long in ChatRenderer(with_template(CHATML)).apply(
        [{"role": "user", "content": long}], [], opened=True
    )


def published() -> dict[str, str]:
    """TRL's templates, our own, and those of the families."""
    found = (files("trl") / "chat_templates").iterdir()
    plain = [each for each in found if not each.name.endswith("training.jinja")]
    theirs = {each.name: each.read_text("utf-8") for each in plain if each.name.endswith(".jinja")}
    ours = {name: str(family.tokenizer().chat_template) for name, family in FAMILIES.items()}
    return {**theirs, **TEMPLATES, **ours}


def test_the_trial_knows_jinja_as_transformers_does() -> None:
    templates = published()
    assert len(templates) > 40
    alike = 0
    for name, template in templates.items():
        tokenizer = with_template(template)
        specials = tokenizer.special_tokens_map
        compiled = sandbox.environment().from_string(template)
        for messages, tools in islice(sandbox.conversations(), 2, 4):
            try:
                theirs = tokenizer.apply_chat_template(messages, tools=tools, tokenize=False)  # pyright: ignore
            except Exception:
                continue
            ours = compiled.render(messages=messages, tools=tools, add_generation_prompt=False, **specials)
            assert ours == theirs, name
            alike += 1
    assert alike > 50


def test_published_templates_pass() -> None:
    templates = list(published().values())
    for start in range(0, len(templates), 10):
        asked = json.dumps({"templates": templates[start : start + 10], "specials": {}, "seconds": 2})
        assert trial._try(Path(sandbox.__file__), asked) == ""
