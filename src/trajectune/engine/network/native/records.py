"""The structures of `c/model.h`, field by field.

Invariant: `library.load` compares the sizes of both sides, so a change of one is noticed at once.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_float, c_int32, c_void_p
from typing import ClassVar


class LinearRecord(ctypes.Structure):
    """One linear layer's weights."""

    _fields_: ClassVar = [
        *((name, c_int32) for name in ("outputs", "inputs", "offset", "bytes")),
        *((name, c_void_p) for name in ("weight", "scale", "bias")),
    ]


class LowRankRecord(ctypes.Structure):
    """What an adapter adds to one of them."""

    _fields_: ClassVar = [("down", LinearRecord), ("up", LinearRecord)]


class ProductRecord(ctypes.Structure):
    """Layers that read the same input."""

    _fields_: ClassVar = [
        *((name, c_int32) for name in ("inputs", "outputs", "linears", "low_ranks")),
        ("linear", POINTER(LinearRecord)),
        ("low_rank", POINTER(LowRankRecord)),
    ]


class LayerRecord(ctypes.Structure):
    """A transformer layer."""

    _fields_: ClassVar = [
        *((name, c_void_p) for name in ("attention_norm", "mlp_norm", "head_norm")),
        *((name, ProductRecord) for name in ("query_key_value", "output", "gate_up", "down")),
        ("turns", c_int32),
    ]


class ModelRecord(ctypes.Structure):
    """A whole model."""

    _fields_: ClassVar = [
        *(
            (name, c_int32)
            for name in ("layers", "hidden", "heads", "kv_heads", "head_dim", "inner", "vocabulary")
        ),
        *((name, c_float) for name in ("epsilon", "scale")),
        *((name, c_void_p) for name in ("embedding", "norm")),
        ("layer", POINTER(LayerRecord)),
        ("head", ProductRecord),
    ]


class CacheRecord(ctypes.Structure):
    """The table of keys and values, and of rotations."""

    _fields_: ClassVar = [
        ("slots", c_int32),
        ("capacity", c_int32),
        ("keys", POINTER(c_void_p)),
        ("values", POINTER(c_void_p)),
        ("cos", c_void_p),
        ("sin", c_void_p),
        ("windows", POINTER(c_int32)),
    ]


class BatchRecord(ctypes.Structure):
    """Packed tokens."""

    _fields_: ClassVar = [
        ("count", c_int32),
        ("places", c_int32),
        *((name, c_void_p) for name in ("token", "position", "slot", "place")),
    ]


RECORDS = (LinearRecord, LowRankRecord, LayerRecord, ModelRecord, CacheRecord, BatchRecord)
"""In the order in which the library tells their sizes."""
