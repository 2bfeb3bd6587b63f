"""The database world (see `agenttune.environments.database.environment`)."""

from agenttune.environments.database.environment import DatabaseEnvironment

__all__ = ["DatabaseEnvironment"]
