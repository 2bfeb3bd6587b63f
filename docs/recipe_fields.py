"""Write docs/recipes.md from the recipe's own records: `python docs/recipe_fields.py > docs/recipes.md`."""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from trajectune.composition.files import Drafting, Emulation
from trajectune.rollout.spending import Budget, Price
from trajectune.run.recipe import Recipe
from trajectune.run.recipe.sections import (
    AgentSpec,
    CurateSpec,
    EnvironmentSpec,
    EvaluateSpec,
    InstructionsSpec,
    RolloutSpec,
    ShrinkSpec,
    SourceSpec,
    SuiteSpec,
    TuneSpec,
)
from trajectune.run.recipe.study import ComparisonsSpec, GapSpec, StudySpec
from trajectune.tune.settings import LoraSettings

SECTIONS: dict[str, type[BaseModel]] = {
    "The recipe": Recipe,
    "`model`, where it is to be made": ShrinkSpec,
    "`environments.<name>`": EnvironmentSpec,
    "`environments.<name>.instructions`": InstructionsSpec,
    "`agent` and `environments.<name>.agent`": AgentSpec,
    "`agent.price`": Price,
    "`agent.budget`": Budget,
    "`rollout`": RolloutSpec,
    "`curate`": CurateSpec,
    "`curate.agent.<name>` and `curate.general.<name>`": SourceSpec,
    "`tune`": TuneSpec,
    "`tune.lora`": LoraSettings,
    "`evaluate`": EvaluateSpec,
    "`suites.<name>`": SuiteSpec,
    "`study`": StudySpec,
    "`study.systems.<name>`, where it is a composition": Emulation,
    "`study.systems.<name>.draft`": Drafting,
    "`study.comparisons`": ComparisonsSpec,
    "`study.comparisons.gaps`": GapSpec,
}

INTRODUCTION = """\
# Recipes

A recipe is one YAML file that names what each stage does; `trajectune run RECIPE` runs it. Unknown keys are
errors. `--set section.field=value` changes a key on the command line. The recipes in `recipes/` are made to
be copied. A recipe with a section `study` is run once for each of its arms and seeds, and everything is
shown on one page; `recipes/ablation-cpu.yaml`, `upscale.yaml` and `dialects.yaml` are three such studies.

Every result in a run directory goes by a fingerprint of what it depends on. After a change of the recipe
`trajectune run` says which stages would be made again, and makes these alone with `--redo`; the earlier
results stay until `trajectune clean RUN_DIR`. This page is written from the code by
`docs/recipe_fields.py`.
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
    found: dict[str, str] = {}
    for kind in reversed(section.__mro__):
        if not issubclass(kind, BaseModel) or kind is BaseModel:
            continue
        tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
        body = next(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)).body
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
