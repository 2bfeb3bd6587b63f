"""Variables that a client gives to the chat template (`enable_thinking`, `reasoning_effort`).

Invariant: a variable that the template does not look at is refused, for it would be ignored in silence.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from typing import Any

from transformers import PreTrainedTokenizerBase

from trajectune.serve.api.errors import ApiError

_LONGEST = 4096
"""Signs of all variables together, as JSON."""
_OURS = frozenset(inspect.signature(PreTrainedTokenizerBase.apply_chat_template).parameters) | {"messages"}


def checked_variables(given: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase) -> Mapping[str, Any]:
    """The variables themselves. Raises ApiError for one that the template does not have."""
    template = str(tokenizer.chat_template)
    for name in given:
        known = name.isidentifier() and re.search(rf"\b{re.escape(name)}\b", template)
        if not known or name in _OURS or name in tokenizer.special_tokens_map:
            param = name if name == "reasoning_effort" else "chat_template_kwargs"
            raise ApiError(400, f"the chat template has no variable {name[:100]!r}", param=param)
    if len(json.dumps(given)) > _LONGEST:
        raise ApiError(
            400, f"the variables are longer than {_LONGEST:,} signs", param="chat_template_kwargs"
        )
    return given
