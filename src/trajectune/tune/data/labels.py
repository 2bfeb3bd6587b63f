"""What a trained token is: its capability, and whether it is format or content, in one small number.

Invariant: `UNLABELLED` is content of no known capability: general data, replies whose parts are not known.
"""

from __future__ import annotations

from trajectune.example import Capability

UNLABELLED = 0
_CAPABILITIES = (None, *Capability)


def label(capability: Capability | None, is_format: bool = False) -> int:
    """The number of a kind of token, from 0 to 15."""
    return 2 * _CAPABILITIES.index(capability) + int(is_format)


def capability_of(number: int) -> Capability | None:
    """The capability in a label; `None` where it is not known."""
    return _CAPABILITIES[number // 2]


def is_format(number: int) -> bool:
    """Whether the label is of format rather than of content."""
    return bool(number % 2)


def describe(number: int) -> str:
    """A label in words, for logs: `reasoning`, `instruction_following format`, `other`."""
    capability = capability_of(number)
    name = capability.value if capability else "other"
    return f"{name} format" if is_format(number) else name
