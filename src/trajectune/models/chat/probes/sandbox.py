"""A chat template tried out in a process of its own: run as a script, it reads a template and answers.

The idea: a template is a program, and one that loops, or doubles a string sixty times, stops everything
that renders it. So each is rendered once over conversations of every shape under limits that the operating
system holds (`trajectune.models.chat.probes.trial` starts this and waits).

Invariants: nothing of ours and nothing heavy is imported, so that it starts in a tenth of a second; the
environment has what transformers gives a template. What a template says (a refusal, too) does not matter
here, only what it costs.
"""

from __future__ import annotations

import datetime
import json
import resource
import sys
from collections.abc import Iterator
from typing import Any

import jinja2
import jinja2.ext
import jinja2.nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

MEMORY = 512 << 20
TOO_LONG, TOO_MUCH_MEMORY = 3, 4
"""Exit codes."""


def longest(characters: int) -> int:
    """How long a rendered conversation may be whose messages and tools have so many characters."""
    return 200_000 + 20 * characters


class _Generation(jinja2.ext.Extension):
    """`{% generation %}…{% endgeneration %}` marks a reply and writes what is in it."""

    tags = {"generation"}  # noqa: RUF012 - so it is called in jinja

    def parse(self, parser: Any) -> jinja2.nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_written"), [], [], body).set_lineno(line)

    def _written(self, caller: Any) -> str:
        return caller()


def environment() -> ImmutableSandboxedEnvironment:
    """Jinja as transformers sets it up for chat templates."""

    def tojson(value: Any, **options: Any) -> str:
        return json.dumps(value, **{"ensure_ascii": False, **options})

    def raise_exception(message: str) -> None:
        raise jinja2.TemplateError(message)

    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, jinja2.ext.loopcontrols]
    )
    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = raise_exception
    made.globals["strftime_now"] = lambda form: datetime.datetime.now().strftime(form)
    return made


def conversations() -> Iterator[tuple[list[dict[str, Any]], list[dict[str, Any]] | None]]:
    """Messages and tools of every shape: lengths, roles, calls, reasoning, long words."""
    system, user = {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}
    reply = {
        "role": "assistant",
        "content": "Hello",
        "reasoning_content": "A greeting.",
        "thinking": "Yes.",
    }
    function = {"name": "look", "arguments": {"place": "here"}}
    call = {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "id": "call00001"}]}
    call["tool_calls"][0]["function"] = function  # pyright: ignore[reportArgumentType]
    answer = {"role": "tool", "name": "look", "tool_call_id": "call00001", "content": "nothing"}
    parameters = {"type": "object", "properties": {"place": {"type": "string", "description": "where"}}}
    described = {"name": "look", "description": "Looks.", "parameters": parameters}
    tools = [{"type": "function", "function": described}]
    yield [user], None
    yield [user, reply], None
    for turns in (1, 4, 20):
        yield [system, *[user, reply] * turns, user], None
        yield [system, *[user, call, answer, reply] * turns, user], tools * turns
    yield (
        [{"role": "user", "content": "word " * 500}, {"role": "assistant", "content": "x" * 2_000}],
        None,
    )
    yield [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}], None


def main() -> int:
    """Render every conversation with the `templates` on standard input. Gives the exit code.

    `seconds` is the processor time that all may take; `specials` are the tokenizer's tokens by name.
    """
    given = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (given["seconds"], given["seconds"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for source in given["templates"]:
        try:
            template = environment().from_string(source)
        except MemoryError:
            return TOO_MUCH_MEMORY
        except Exception:
            continue  # what cannot be compiled runs nowhere
        for messages, tools in conversations():
            for opened in (False, True):
                if code := _render(template, messages, tools, opened, given["specials"]):
                    return code
    return 0


def _render(
    template: jinja2.Template,
    messages: list[Any],
    tools: list[Any] | None,
    opened: bool,
    specials: dict[str, Any],
) -> int:
    most = longest(len(json.dumps([messages, tools])))
    length = 0
    try:
        for part in template.generate(
            messages=messages, tools=tools, documents=None, add_generation_prompt=opened, **specials
        ):
            length += len(part)
            if length > most:
                return TOO_LONG
    except MemoryError:
        return TOO_MUCH_MEMORY
    except Exception:
        pass  # a refusal
    return 0


if __name__ == "__main__":
    sys.exit(main())
