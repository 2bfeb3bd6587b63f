"""Chat templates made for tests: the forms of tool calls, and what templates do to their past.

Each is as short as it can be and shows the one thing that it is named after.
"""

from __future__ import annotations

_OPEN = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
_TOOLS = "{% for t in tools or [] %}{{ t | tojson }}{% endfor %}"

HERMES = (
    _TOOLS + "{% for m in messages %}{{ '<|im_start|>' ~ m.role ~ '\n' ~ m.content }}"
    "{% for c in m.tool_calls or [] %}{{ '\n<tool_call>\n' ~ (c.function | tojson) ~ '\n</tool_call>' }}"
    "{% endfor %}{{ '<|im_end|>\n' }}{% endfor %}" + _OPEN
)
"""JSON between marks (Hermes, Qwen2.5)."""

QWEN_SYSTEM = "You are a helpful assistant."
"""What `QWEN` puts at the beginning of a conversation without a system message."""

QWEN = r"""
{%- set given = messages[0].content if messages[0].role == 'system' else 'SYSTEM' -%}
{{- '<|im_start|>system\n' ~ given -}}
{%- if tools -%}
{{- '\n\n# Tools\n\nFunctions that may help with the question, inside <tools></tools>:\n<tools>' -}}
{%- for tool in tools -%}{{- '\n' ~ (tool | tojson) -}}{%- endfor -%}
{{- '\n</tools>\n\nA call is a JSON object with its name and arguments inside <tool_call></tool_call>.' -}}
{%- endif -%}
{{- '<|im_end|>\n' -}}
{%- for message in messages -%}
{%- if message.role == 'tool' -%}
{%- if loop.first or loop.previtem.role != 'tool' -%}{{- '<|im_start|>user' -}}{%- endif -%}
{{- '\n<tool_response>\n' ~ message.content ~ '\n</tool_response>' -}}
{%- if loop.last or loop.nextitem.role != 'tool' -%}{{- '<|im_end|>\n' -}}{%- endif -%}
{%- elif message.role == 'assistant' -%}
{{- '<|im_start|>assistant' -}}
{%- if message.content -%}{{- '\n' ~ message.content -}}{%- endif -%}
{%- for call in message.tool_calls or [] -%}
{{- '\n<tool_call>\n{"name": ' ~ (call.function.name | tojson) -}}
{{- ', "arguments": ' ~ (call.function.arguments | tojson) ~ '}\n</tool_call>' -}}
{%- endfor -%}
{{- '<|im_end|>\n' -}}
{%- elif not (message.role == 'system' and loop.first) -%}
{{- '<|im_start|>' ~ message.role ~ '\n' ~ message.content ~ '<|im_end|>\n' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}
""".strip().replace("SYSTEM", QWEN_SYSTEM)
"""ChatML as Qwen2.5 has it: tools in the system message, Hermes' calls, results in a turn of the user."""

XML = (
    _TOOLS + "{% for m in messages %}{{ '<|im_start|>' ~ m.role ~ '\n' ~ m.content }}"
    "{% for c in m.tool_calls or [] %}"
    "{{ '\n<tool_call>\n<function=' ~ c.function.name ~ '>\n' }}"
    "{% for key, value in c.function.arguments.items() %}"
    "{{ '<parameter=' ~ key ~ '>\n' }}"
    "{{ value if value is string or value is boolean else value | tojson }}{{ '\n</parameter>\n' }}"
    "{% endfor %}{{ '</function>\n</tool_call>' }}"
    "{% endfor %}{{ '<|im_end|>\n' }}{% endfor %}" + _OPEN
)
"""Parameters as elements, their values as plain text (Qwen3-Coder)."""

LLAMA_3_1 = (
    "{{ bos_token }}{% for m in messages %}"
    "{{ '<|start_header_id|>' ~ ('ipython' if m.role == 'tool' else m.role) ~ '<|end_header_id|>\n\n' }}"
    "{% if m.tool_calls %}"
    "{% if m.tool_calls | length > 1 %}{{ raise_exception('one call only') }}{% endif %}"
    "{% set f = m.tool_calls[0].function %}"
    "{{ '{\"name\": ' ~ (f.name | tojson) ~ ', \"parameters\": ' ~ (f.arguments | tojson) ~ '}' }}"
    "{% else %}{% if loop.first %}{% for t in tools or [] %}{{ t | tojson ~ '\n' }}{% endfor %}{% endif %}"
    "{{ m.content | trim }}{% endif %}{{ '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
"""The bare object as the whole reply: one call, and no words beside it (Llama 3.1)."""

MISTRAL = (
    "{{ bos_token }}{% if tools %}{{ '[AVAILABLE_TOOLS]' ~ (tools | tojson) ~ '[/AVAILABLE_TOOLS]' }}"
    "{% endif %}{% for m in messages %}"
    "{% if m.role == 'tool' %}"
    "{% if m.tool_call_id | length != 9 %}{{ raise_exception('ids have nine signs') }}{% endif %}"
    "{{ '[TOOL_RESULTS]' ~ m.content ~ '[/TOOL_RESULTS]' }}"
    "{% elif m.role == 'assistant' %}{{ m.content }}{% if m.tool_calls %}{{ '[TOOL_CALLS] [' }}"
    "{% for c in m.tool_calls %}"
    "{{ (c.function | tojson)[:-1] ~ ', \"id\": ' ~ (c.id | tojson) ~ '}' ~ ('' if loop.last else ', ') }}"
    "{% endfor %}{{ ']' }}{% endif %}{{ eos_token }}"
    "{% else %}{{ '[INST]' ~ m.content ~ '[/INST]' }}{% endif %}{% endfor %}"
)
"""A list behind a mark that is a special token; calls and answers have ids of nine signs (Mistral v3)."""

MISTRAL_NAMED = (
    "{{ bos_token }}{% if tools %}{{ '[AVAILABLE_TOOLS]' ~ (tools | tojson) ~ '[/AVAILABLE_TOOLS]' }}"
    "{% endif %}{% for m in messages %}"
    "{% if m.role == 'tool' %}{{ '[TOOL_RESULTS]' ~ m.content ~ '[/TOOL_RESULTS]' }}"
    "{% elif m.role == 'assistant' %}{{ m.content }}{% for c in m.tool_calls or [] %}"
    "{{ '[TOOL_CALLS]' ~ c.function.name ~ '[ARGS]' ~ (c.function.arguments | tojson) }}"
    "{% endfor %}{{ eos_token }}"
    "{% else %}{{ '[INST]' ~ m.content ~ '[/INST]' }}{% endif %}{% endfor %}"
)
"""A mark, the name, a mark, the arguments (Mistral v11)."""

FORGETFUL = (
    _TOOLS + "{% for m in messages %}{{ '<|im_start|>' ~ m.role ~ '\n' }}"
    "{% if m.role == 'assistant' and '</think>' in m.content and not loop.last %}"
    "{{ m.content.split('</think>')[-1] }}{% else %}{{ m.content }}{% endif %}"
    "{{ '<|im_end|>\n' }}{% endfor %}" + _OPEN
)
"""Leaves out what an earlier reply thought (Qwen3, DeepSeek-R1)."""

REWRITING = (
    "{% for m in messages %}{{ '<|im_start|>' ~ m.role ~ '\n' }}"
    "{{ m.content if loop.last or m.role != 'assistant' else '(said)' }}{{ '<|im_end|>\n' }}{% endfor %}"
    + _OPEN
)
"""Shows no earlier reply."""

STRIPPING = (
    "{% for m in messages %}{{ '<|im_start|>' ~ m.role ~ '\n' ~ (m.content | trim) ~ '<|im_end|>\n' }}"
    "{% endfor %}" + _OPEN
)
"""Strips every message."""

MISTRAL_SPECIALS = [
    "<s>",
    "[INST]",
    "[/INST]",
    "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]",
    "[TOOL_CALLS]",
    "[ARGS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    "</s>",
]
