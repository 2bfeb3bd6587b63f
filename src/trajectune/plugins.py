"""Classes by name: installed ones, and `package.module:Class` from the user's own code.

The idea: the project grows at a few places (environments, dialects, suites, curate steps). Each has an
entry-point group in which packages announce their classes; anything else is imported by its dotted path
(the current folder is searched too, as `python -m` does).

Invariant: whatever is wrong with the name or the options ends in a `RecipeError` that says what would be
right, or in an `UnavailableError` that names the missing package. What another's module or class raises is
named with its file and line.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import traceback
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar

from trajectune.errors import RecipeError, TrajectuneError, UnavailableError, suggestion

T = TypeVar("T")


def installed(group: str) -> dict[str, str]:
    """What packages announce in an entry-point group: `module:Class` by name, sorted."""
    return dict(_announced(group, tuple(sys.path)))


@cache
def _announced(group: str, path: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """What is found along `path`: reading all packages takes milliseconds, and each row of a file asks."""
    del path
    return tuple(sorted((entry.name, entry.value) for entry in entry_points(group=group)))


def is_dotted(name: str) -> bool:
    """Whether a name is of the form `package.module:Class`."""
    return all(name.partition(":"))


def load_class(name: str, group: str, kind: type[T], noun: str) -> type[T]:
    """The subclass of `kind` that goes by `name`, imported but not built.

    `noun` is what messages call it (`environment`). Raises `RecipeError` and `UnavailableError`.
    """
    known = installed(group)
    path = known.get(name, name)
    if not is_dotted(path):
        raise RecipeError(
            f"there is no {noun} called {name!r}",
            remedy=f"{suggestion(name, known)}installed: {', '.join(known) or 'none'}; "
            "one of your own is named package.module:Class",
        )
    found = _import(path, f"the {noun} {name!r}", is_own=name not in known)
    if not (isinstance(found, type) and issubclass(found, kind)):
        raise RecipeError(
            f"{name!r} is no {noun}", remedy=f"name a class that inherits {kind.__module__}.{kind.__name__}"
        )
    return found


def build(kind: type[T], options: Mapping[str, Any], name: str, noun: str) -> T:
    """An instance of a class, made with keyword options that are checked before. Raises `RecipeError`."""
    what = f"the {noun} {name!r}"
    _check_options(kind, options, what)
    try:
        return kind(**options)
    except TrajectuneError:
        raise
    except Exception as error:  # another's code: anything may come out of it
        raise _broken(f"{what} cannot be built", error) from error


def _import(path: str, what: str, *, is_own: bool) -> Any:
    """Import `module:attribute`, telling a missing module of the user's from a missing package."""
    module_name, _, attribute = path.partition(":")
    if is_own and (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise _missing(module_name, error.name or "", what) from error
    except Exception as error:
        raise _broken(f"{what}: the module {module_name} cannot be imported", error) from error
    if not hasattr(module, attribute):
        raise RecipeError(
            f"{what}: the module {module_name} has no {attribute!r}",
            remedy=f"{suggestion(attribute, vars(module))}write it as package.module:Class",
        )
    return getattr(module, attribute)


def _missing(module: str, missing: str, what: str) -> TrajectuneError:
    if module == missing or module.startswith(missing + "."):
        return RecipeError(
            f"{what}: there is no module {missing!r}",
            remedy="check the spelling, and that it is installed or in the current folder",
        )
    return UnavailableError(
        f"{what} needs the package {missing!r}, which is not installed",
        remedy="install it with pip, or mend the import",
    )


def _broken(what: str, error: Exception) -> RecipeError:
    """What another's code raised, with the line that raised it."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    place, said = f"{last.filename}:{last.lineno}", str(error)
    if isinstance(error, SyntaxError):
        place, said = f"{error.filename}:{error.lineno}", error.msg
    elif last.filename == __file__:  # the call itself was refused: there is no line of theirs
        place = ""
    return RecipeError(
        f"{what}: {type(error).__name__}: {said}",
        where=place,
        remedy="mend its code, or the options that it was given",
    )


def _check_options(kind: type, options: Mapping[str, Any], what: str) -> None:
    parameters = inspect.signature(kind).parameters
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return
    for key in options:
        if key not in parameters:
            raise RecipeError(
                f"{what} has no option {key!r}",
                remedy=f"{suggestion(key, parameters)}its options: {', '.join(parameters) or 'none'}",
            )
    for key, each in parameters.items():
        is_needed = each.default is each.empty and each.kind is not each.VAR_POSITIONAL
        if is_needed and key not in options:
            raise RecipeError(
                f"{what} needs the option {key!r}", remedy=f"set it: {key}: … (or --option {key}=…)"
            )
