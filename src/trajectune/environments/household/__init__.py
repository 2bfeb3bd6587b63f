"""The household environment: ALFWorld's rooms in text, on its own engine (the extra `household`).

Nothing here imports ALFWorld or TextWorld before it is used, so the package can be listed and its
options checked without the extra.
"""

from trajectune.environments.household.environment import HouseholdEnvironment

__all__ = ["HouseholdEnvironment"]
