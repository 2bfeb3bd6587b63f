"""Write docs/recipes.md from the recipe's own records: `python docs/recipe_fields.py > docs/recipes.md`."""

from __future__ import annotations

import ast
import inspect
import itertools
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from trajectune.run.recipe import (
    Ablation,
    AgentSpec,
    CurateSpec,
    EnvironmentSpec,
    EvaluateSpec,
    Recipe,
    SourceSpec,
    Upscale,
)
from trajectune.tune.settings import LoraSettings, TuneSettings

SECTIONS: dict[str, type[BaseModel]] = {
    "The recipe": Recipe,
    "`environments.<name>`": EnvironmentSpec,
    "`agent`": AgentSpec,
    "`curate`": CurateSpec,
    "`curate.agent.<name>` and `curate.general.<name>`": SourceSpec,
    "`tune`": TuneSettings,
    "`tune.lora`": LoraSettings,
    "`evaluate`": EvaluateSpec,
    "`ablation`": Ablation,
    "`upscale`": Upscale,
}

INTRODUCTION = """\
# Recipes

A recipe is one YAML file that names what each stage does; `trajectune run RECIPE` runs it. Unknown keys are
errors. `--set section.field=value` changes a key on the command line. The recipes in `recipes/` are made to
be copied. This page is written from the code by `docs/recipe_fields.py`.
"""


def page() -> str:
    """The whole page as Markdown."""
    parts = [INTRODUCTION]
    for title, section in SECTIONS.items():
        parts.append(
            f"## {title}\n\n{inspect.getdoc(section)}\n\n| field | default | meaning |\n|---|---|---|"
        )
        sentences = _sentences(section)
        for name, field in section.model_fields.items():
            parts[-1] += f"\n| `{name}` | {_default(field)} | {sentences[name]} |"
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _sentences(section: type[BaseModel]) -> dict[str, str]:
    """The string under each field, read from the source."""
    body = next(
        n for n in ast.walk(ast.parse(inspect.getsource(section))) if isinstance(n, ast.ClassDef)
    ).body
    found = {}
    for field, text in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
            found[ast.unparse(field.target)] = " ".join(ast.literal_eval(text.value).split())
    return found


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    if field.default is PydanticUndefined:
        value = field.default_factory()
        return "its own defaults" if isinstance(value, BaseModel) else f"`{value}`"
    return "" if field.default in (None, "") else f"`{field.default}`"


if __name__ == "__main__":
    print(page(), end="")
