"""The documents keep their word: links lead somewhere, commands and options exist, code is Python."""

from __future__ import annotations

import ast
import re
import runpy
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from support.models import Tiny
from trajectune.cli.app import app
from trajectune.dialects.conversation import same_move
from trajectune.evaluate.items import read_items, value_of
from trajectune.evaluate.run import evaluate
from trajectune.evaluate.systems import load_system
from trajectune.trajectory import Action, Fault, Reply, Step, ToolCall

ROOT = Path(__file__).parents[1]
REGISTRY = r"pip install ['\"]?(trajectune|agenttune)"
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(text_of(page)) if kind == language]


def commands(page: Path) -> list[list[str]]:
    """The words of every `trajectune …` in the shell blocks and between back quotes."""
    text = FENCE.sub("", text_of(page))
    lines = [line for body in blocks(page, "sh") for line in body.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"`(trajectune [^`]+)`", text)
    words = [shlex.split(line, comments=True) for line in lines if line.strip().startswith("trajectune ")]
    return [line for line in words if not re.search(r"[A-Z|…]", " ".join(line[1:3]))]


def anchors(page: Path) -> set[str]:
    """What headings are called in links, as GitHub and the site call them."""
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", text_of(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(FENCE.sub("", text_of(page))):
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        if link.startswith(("http:", "https:")):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@each_page
def test_commands_and_their_options_exist(page: Path) -> None:
    for words in commands(page):
        command: Any = typer.main.get_command(app)
        rest = words[1:]
        while (inner := getattr(command, "commands", None)) and rest and not rest[0].startswith("-"):
            assert rest[0] in inner, f"there is no command {' '.join(words)!r}"
            command, rest = inner[rest[0]], rest[1:]
        known = {name for each in command.params for name in [*each.opts, *each.secondary_opts]}
        used = {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
        assert used <= known | {"--help"}, f"{' '.join(words)!r} has unknown options"


@each_page
def test_recipes_and_files_of_the_checkout_that_are_named_exist(page: Path) -> None:
    named = re.findall(r"\b(?:recipes|benchmarks|examples)/[\w/-]+\.(?:yaml|py|json)\b", text_of(page))
    assert [name for name in named if not (ROOT / name).is_file()] == []


@each_page
def test_python_is_python(page: Path) -> None:
    for body in blocks(page, "python"):
        ast.parse(body)


@each_page
def test_nobody_is_sent_to_a_registry_for_this_package(page: Path) -> None:
    assert not re.search(REGISTRY, text_of(page))


def test_no_message_sends_anybody_to_a_registry_either() -> None:
    sources = sorted((ROOT / "src").rglob("*.py"))
    assert sources
    assert [path.name for path in sources if re.search(REGISTRY, path.read_text("utf-8"))] == []


def test_the_dialect_on_its_page_reads_what_it_writes() -> None:
    arrow = defined("dialects.md", "Arrow")()
    call = ToolCall(name="look", arguments={"shelf": "A"})
    step = Step(thought="It may be there.", actions=[Action(call=call, observation="A lamp.")])
    said, answered = arrow.write(step)
    assert (said.trained, answered.content) == (True, "A lamp.")
    assert same_move(arrow.read([Reply(text=said.content)]), step)
    assert arrow.read([Reply(text="I do not know.")]).fault is Fault.BAD_FORMAT


def test_the_suite_on_its_page_measures(tmp_path: Path) -> None:
    system = load_system("tiny", Tiny(spread=0.3).loaded(), max_new_tokens=8, max_context=128)
    (found,) = evaluate(system, [defined("evaluation.md", "Facts")()], tmp_path)
    assert (found.status, found.reason) == ("done", "")
    assert found.value is not None
    assert found.value.value == value_of(read_items(tmp_path / "facts", found))


@pytest.mark.parametrize(
    ("page", "written", "shown"),
    [
        ("index.md", "[a](docs/guide.md) [b](benchmarks/x.json)", "[a](guide.md) [b](benchmarks/x.json)"),
        (
            "log.md",
            "[a](decisions.md) [b](../benchmarks/x.json)",
            "[a](decisions.md) [b](benchmarks/x.json)",
        ),
        ("log.md", "[a](../README.md#on-a-gpu)", "[a](index.md#on-a-gpu)"),
        ("api/data.md", "[a](../guide.md)", "[a](../guide.md)"),
    ],
)
def test_links_are_mapped_for_the_site(page: str, written: str, shown: str) -> None:
    pytest.importorskip("mkdocs")
    hooks: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "site_hooks.py"))
    place = SimpleNamespace(file=SimpleNamespace(src_uri=page))
    assert hooks["on_page_markdown"](written, place) == shown


def defined(page: str, name: str) -> Any:
    """What the page's Python defines under this name."""
    space: dict[str, Any] = {}
    (body,) = (each for each in blocks(ROOT / "docs" / page, "python") if f"class {name}" in each)
    exec(body, space)
    return space[name]
