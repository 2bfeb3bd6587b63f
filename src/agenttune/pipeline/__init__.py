"""From a recipe to a run directory: the stages, their order, and what makes them resumable."""
