"""Chat templates by name, for models that come without one: `llama-2`, `llama-3`, `chatml`, `agent-flan`.

The idea: a base model has a tokenizer but no form of conversation; a published one is put in its place.

Invariant: each template writes a conversation so that the text before a reply, with the generation
prompt, is the beginning of the text with the reply; `trajectune.tune.data.masks` proves it row by row.
"""

from __future__ import annotations

from pathlib import Path

from transformers import PreTrainedTokenizerBase

from trajectune.errors import RecipeError
from trajectune.models.folder.hub import hub_folder
from trajectune.models.folder.names import adapter_base, resolve_model
from trajectune.models.folder.tokenizer import has_tokenizer, read_tokenizer
from trajectune.models.tiny import CHATML

HUMAN_SIGN = "\u0d46"
"""Agent-FLAN's stand-in for a special token: it opens a turn's words. MALAYALAM VOWEL SIGN E."""
END_SIGN = "\u0d3f"
"""Agent-FLAN's end of an answer. MALAYALAM VOWEL SIGN I."""

LLAMA_2 = (
    "{%- set system = '' -%}{%- set turns = messages -%}"
    "{%- if messages and messages[0].role == 'system' -%}"
    "{%- set system = '<<SYS>>\n' ~ messages[0].content ~ '\n<</SYS>>\n\n' -%}"
    "{%- set turns = messages[1:] -%}"
    "{%- endif -%}"
    "{%- for message in turns -%}"
    "{%- if (message.role == 'user') != (loop.index0 % 2 == 0) -%}"
    "{{ raise_exception('user and assistant must take turns, the user first') }}"
    "{%- endif -%}"
    "{%- if message.role == 'user' -%}"
    "{{ bos_token ~ '[INST] ' ~ (system if loop.first else '') ~ message.content | trim ~ ' [/INST]' }}"
    "{%- else -%}"
    "{{ ' ' ~ message.content | trim ~ ' ' ~ eos_token }}"
    "{%- endif -%}"
    "{%- endfor -%}"
)

LLAMA_3 = (
    "{{- bos_token -}}"
    "{%- for message in messages -%}"
    "{{ '<|start_header_id|>' ~ message.role ~ '<|end_header_id|>\n\n' ~ message.content | trim"
    " ~ '<|eot_id|>' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}"
    "{%- endif -%}"
)

AGENT_FLAN = (
    "{{- bos_token -}}"
    "{%- for message in messages -%}"
    "{%- if message.role == 'assistant' -%}"
    "{{ '<|Assistant|>" + HUMAN_SIGN + "' ~ message.content ~ '" + END_SIGN + "\n ' }}"
    "{%- else -%}"
    "{{ '<|Human|>" + HUMAN_SIGN + "' ~ message.content ~ '\n ' }}"
    "{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|Assistant|>" + HUMAN_SIGN + "' }}{%- endif -%}"
)

TEMPLATES = {"llama-2": LLAMA_2, "llama-3": LLAMA_3, "chatml": CHATML, "agent-flan": AGENT_FLAN}


def load_tokenizer(model: str, template: str = "") -> PreTrainedTokenizerBase:
    """The tokenizer of `model` (as in `load_model`), with the named chat template in place of its own.

    Raises ModelError when there is no tokenizer, RecipeError for an unknown template name.
    """
    source = resolve_model(model)
    folder = source if isinstance(source, Path) else hub_folder(source, weights=False)
    if not has_tokenizer(folder) and (base := adapter_base(source)) is not None:
        folder = base if isinstance(base, Path) else hub_folder(base, weights=False)
    tokenizer = read_tokenizer(folder)
    if template:
        if template not in TEMPLATES:
            raise RecipeError(f"unknown chat template {template!r}", remedy=f"use {', '.join(TEMPLATES)}")
        tokenizer.chat_template = TEMPLATES[template]
    return tokenizer
