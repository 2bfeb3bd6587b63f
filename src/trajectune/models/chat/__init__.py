"""The one place that turns conversations into prompts, and replies back into words and tool calls.

`renderer_of(tokenizer)` gives the `ChatRenderer` of a model; training masks, agents, the server and the
command line all use it, so a model is tuned on the very tokens that it meets when it acts.
"""

from trajectune.models.chat.filter import CallFilter
from trajectune.models.chat.reading import ReadReply
from trajectune.models.chat.renderer import ChatRenderer, hidden_tokens, renderer_of
from trajectune.models.chat.spans import MaskError, Part, Rendered, RenderedReply

__all__ = [
    "CallFilter",
    "ChatRenderer",
    "MaskError",
    "Part",
    "ReadReply",
    "Rendered",
    "RenderedReply",
    "hidden_tokens",
    "renderer_of",
]
