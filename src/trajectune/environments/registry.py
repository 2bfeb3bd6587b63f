"""Find an environment by name: an installed one, or `package.module:Class` from the user's own code.

The idea: a recipe names an environment and its options; this turns the pair into an `Environment`.
Installed environments announce themselves through the entry-point group `trajectune.environments`; anything
else is imported by its dotted path (the current folder is searched too, as `python -m` does).

Invariant: whatever is wrong with the name or the options ends in a `RecipeError` that says what would
be right, or in an `UnavailableError` that names the missing package. What a user's own module or class
raises is named with its file and line.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import traceback
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from trajectune.dialects.contract import Dialect
from trajectune.dialects.registry import get_dialect
from trajectune.environments.contract import Environment
from trajectune.errors import RecipeError, TrajectuneError, UnavailableError, install_extra, suggestion

GROUP = "trajectune.environments"


def environment_names() -> list[str]:
    """Names of the installed environments, sorted."""
    return sorted(_installed())


def load_environment(name: str, options: Mapping[str, Any] | None = None) -> Environment:
    """Build the environment `name` with keyword `options`.

    `name` is one of `environment_names()` or `package.module:Class`. Raises `RecipeError` for an
    unknown name or option, or a class that cannot be built, and `UnavailableError` where a package that
    the environment needs is missing.
    """
    kind = environment_class(name)
    options = dict(options or {})
    _check_options(name, kind, options)
    try:
        return kind(**options)
    except TrajectuneError:
        raise
    except Exception as error:
        raise _broken(name, "the class cannot be built", error) from error


def environment_class(name: str) -> type[Environment]:
    """The class behind a name, imported but not built."""
    installed = _installed()
    if name in installed:
        found = _import(name, installed[name].value)
    elif all(name.partition(":")):
        found = _import(name, name)
    else:
        raise RecipeError(
            f"There is no environment called {name!r}.",
            remedy=f"{suggestion(name, installed)}installed: {', '.join(sorted(installed))}; "
            "one of your own is named package.module:Class",
        )
    if not (isinstance(found, type) and issubclass(found, Environment)):
        raise RecipeError(
            f"{name!r} is not an environment.",
            remedy="Name a class that inherits trajectune.environments.contract.Environment.",
        )
    return found


def find_dialect(name: str, environment: str) -> Dialect:
    """The dialect `name` as it is written in the environment called `environment`.

    The dialects that an installed environment (or `package.module:Class`) brings itself go before the
    installed ones. Raises `RecipeError` where there is none.
    """
    known = environment in _installed() or all(environment.partition(":"))
    own = environment_class(environment).dialects if known else {}
    return get_dialect(name, environment, own)


def _installed() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _import(name: str, path: str) -> Any:
    """Import `module:attribute`, telling a missing module of the user's from a missing package."""
    module_name, _, attribute = path.partition(":")
    if ":" in name and (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if module_name == missing or module_name.startswith(missing + "."):
            raise RecipeError(
                f"Environment {name!r}: there is no module {missing!r}.",
                remedy="Check the spelling, and that the module is installed or in the current folder.",
            ) from error
        raise UnavailableError(
            f"Environment {name!r} needs the package {missing!r}, which is not installed.",
            remedy=install_extra(name)
            if path.startswith("trajectune.")
            else "Install it with pip, or mend the import.",
        ) from error
    except Exception as error:
        raise _broken(name, f"module {module_name!r} cannot be imported", error) from error
    if not hasattr(module, attribute):
        raise RecipeError(
            f"Environment {name!r}: module {module_name} has no {attribute!r}.",
            remedy=f"{suggestion(attribute, vars(module))}write it as package.module:Class",
        )
    return getattr(module, attribute)


def _broken(name: str, what: str, error: Exception) -> RecipeError:
    """What the code of an environment raised, with the line that raised it."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{last.filename}:{last.lineno}"
    if isinstance(error, SyntaxError):
        place = f"{error.filename}:{error.lineno}"
    said = error.msg if isinstance(error, SyntaxError) else error
    return RecipeError(
        f"Environment {name!r}: {what}: {type(error).__name__}: {said}",
        where="" if last.filename == __file__ and not isinstance(error, SyntaxError) else place,
        remedy="Mend its code, or the options that it was given.",
    )


def _check_options(name: str, kind: type[Environment], options: Mapping[str, Any]) -> None:
    parameters = inspect.signature(kind).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    for key in options:
        if key not in parameters:
            raise RecipeError(
                f"The environment {name!r} has no option {key!r}.",
                remedy=f"{suggestion(key, parameters)}its options: {', '.join(parameters) or 'none'}",
            )
    for key, parameter in parameters.items():
        if (
            parameter.default is parameter.empty
            and key not in options
            and parameter.kind is not (parameter.VAR_POSITIONAL)
        ):
            raise RecipeError(
                f"The environment {name!r} needs the option {key!r}.",
                remedy=f"Set it: {key}: … (or --option {key}=…).",
            )
