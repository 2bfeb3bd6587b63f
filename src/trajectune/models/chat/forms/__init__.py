"""The forms in which models write tool calls as text, and how each is read.

`FORMS` holds all of them; which one a model writes is not configured: its chat template is asked.
"""

from trajectune.models.chat.forms.contract import Block, CallForm, FoundCall, NoCalls, overlap
from trajectune.models.chat.forms.elements import Atem, Glm, Xml
from trajectune.models.chat.forms.gemma import Gemma4
from trajectune.models.chat.forms.harmony import Harmony
from trajectune.models.chat.forms.jsonforms import Hermes, Llama3, Mistral
from trajectune.models.chat.forms.python import PythonCalls

FORMS: tuple[CallForm, ...] = (
    Hermes(),
    Xml(),
    Glm(),
    Mistral(),
    PythonCalls(),
    Gemma4(),
    Harmony(),
    Atem(),
    Llama3(),
)
"""In the order in which a template's writing is tried."""

__all__ = [
    "FORMS",
    "Atem",
    "Block",
    "CallForm",
    "FoundCall",
    "Gemma4",
    "Glm",
    "Harmony",
    "Hermes",
    "Llama3",
    "Mistral",
    "NoCalls",
    "PythonCalls",
    "Xml",
    "overlap",
]
