"""Examples in the forms in which people store them: import and export, one format per file.

`read_examples` guesses the format and streams; `write_examples` writes a file all at once or not at
all. See `trajectune.curate.formats.rows` for what is promised about losses.
"""

from trajectune.curate.formats.files import (
    FORMATS,
    READERS,
    NumberedExample,
    WriteCount,
    get_format,
    get_reader,
    guess_file,
    guess_format,
    is_trajectory,
    read_examples,
    read_numbered,
    write_examples,
)

__all__ = [
    "FORMATS",
    "READERS",
    "NumberedExample",
    "WriteCount",
    "get_format",
    "get_reader",
    "guess_file",
    "guess_format",
    "is_trajectory",
    "read_examples",
    "read_numbered",
    "write_examples",
]
