"""Find an environment by name: an installed one (`trajectune.environments`), or `package.module:Class`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trajectune.dialects.contract import Dialect
from trajectune.dialects.registry import get_dialect
from trajectune.environments.contract import Environment
from trajectune.plugins import build, installed, is_dotted, load_class

GROUP = "trajectune.environments"


def environment_names() -> list[str]:
    """Names of the installed environments, sorted."""
    return list(installed(GROUP))


def environment_class(name: str) -> type[Environment]:
    """The class behind a name, imported but not built."""
    return load_class(name, GROUP, Environment, "environment")


def load_environment(name: str, options: Mapping[str, Any] | None = None) -> Environment:
    """Build the environment `name` with keyword `options`.

    `name` is one of `environment_names()` or `package.module:Class`. Raises `RecipeError` for an
    unknown name or option, or a class that cannot be built, and `UnavailableError` where a package that
    the environment needs is missing.
    """
    options = dict(options or {})
    environment = build(environment_class(name), options, name, "environment")
    environment.origin = name, options
    return environment


def find_dialect(name: str, environment: str) -> Dialect:
    """The dialect `name` as it is written in the environment called `environment`.

    The dialects that an installed environment (or `package.module:Class`) brings itself go before the
    installed ones. Raises `RecipeError` where there is none.
    """
    known = environment in installed(GROUP) or is_dotted(environment)
    own = environment_class(environment).dialects if known else {}
    return get_dialect(name, environment, own)
