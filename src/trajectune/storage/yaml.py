"""YAML files that people write: read whole, or an error that names the file and the line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from trajectune.errors import TrajectuneError


def read_yaml(path: Path | str, what: str, error: type[TrajectuneError]) -> Any:
    """What the file says. Raises `error` where it cannot be read or is not YAML; `what`: "the recipe"."""
    try:
        return yaml.safe_load(Path(path).expanduser().read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as failed:
        reason = getattr(failed, "strerror", None) or "it is not UTF-8"
        raise error(
            f"{what} cannot be read: {reason}", where=str(path), remedy="give the path of a YAML file"
        ) from None
    except yaml.YAMLError as failed:
        raise error(
            f"{what} is not YAML", where=f"{path}: {failed}", remedy="mend the line named above"
        ) from None
