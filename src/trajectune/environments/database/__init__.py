"""The database environment (see `trajectune.environments.database.environment`)."""

from trajectune.environments.database.environment import DatabaseEnvironment

__all__ = ["DatabaseEnvironment"]
