"""Files that survive a crash: JSON Lines that grow by whole rows, and files that appear all at once.

The idea: a run is killed at any moment and started again, so a file is either appended to by complete
lines (`JsonlWriter`) or written beside its place and moved there (`open_atomic`). Reading streams and is
patient: a bad row is rejected with its line number and the reason, and the others go on.
"""

from trajectune.storage.atomic import open_atomic, write_atomic, write_folder, write_json, writing
from trajectune.storage.cache import cache_dir, filling
from trajectune.storage.jsonl import JsonlWriter
from trajectune.storage.lock import locked
from trajectune.storage.reading import (
    MAX_LINE_BYTES,
    Rejected,
    RejectedSink,
    Row,
    WarningSink,
    open_binary,
    read_json,
    read_jsonl,
    read_record,
    read_records,
)
from trajectune.storage.text import encode, explain, json_type, parse_json, strict_decoder, value_fault

__all__ = [
    "MAX_LINE_BYTES",
    "JsonlWriter",
    "Rejected",
    "RejectedSink",
    "Row",
    "WarningSink",
    "cache_dir",
    "encode",
    "explain",
    "filling",
    "json_type",
    "locked",
    "open_atomic",
    "open_binary",
    "parse_json",
    "read_json",
    "read_jsonl",
    "read_record",
    "read_records",
    "strict_decoder",
    "value_fault",
    "write_atomic",
    "write_folder",
    "write_json",
    "writing",
]
