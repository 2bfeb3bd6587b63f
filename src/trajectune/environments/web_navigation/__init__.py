"""The web navigation environment: Mind2Web's multiple-choice questions, over living and recorded pages.

Nothing here imports an HTML parser or a model before it is used, so that the built-in tasks need no extra.
"""

from trajectune.environments.web_navigation.environment import WebNavigationEnvironment

__all__ = ["WebNavigationEnvironment"]
