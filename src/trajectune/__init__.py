"""trajectune: turn an open language model into an agent, and prove it."""

__version__ = "0.1.0"
