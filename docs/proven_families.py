"""Write docs/proven/families.md: `python docs/proven_families.py > docs/proven/families.md`.

Each cell is what the proof of the same name (`tests/support/proofs.py`) says of a tiny random model with
the family's peculiarities and a tokenizer of its type (`tests/support/families.py`).
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from support.families import FAMILIES, REFUSED, write_config
from support.proofs import PROOFS
from trajectune.errors import TrajectuneError
from trajectune.models.loading import load_model

HEAD = """# Which models are proven

*Made by `python docs/proven_families.py > docs/proven/families.md`; a test holds it to what the code does.*

Each row is a tiny random model with all that is peculiar to its family (grouped queries, windows shorter
than the rows, soft caps, experts, norms, biases, partial rotation) and a tokenizer of its type.

- **masks**: the trained tokens are the replies and their ends; those before each are its serving prompt.
- **tune**, **tune, LoRA**: the loss over packed rows, what they share computed once, is that of
  `transformers` row by row, to 1e-5; gradients reach what is trained.
- **decode**: greedy replies, in a batch and after a prompt read in pieces, are those of
  `transformers.generate`, token for token (fp32).
- **serve**: the official client gets that reply over HTTP.
"""


Cell = Callable[[str, Path], str]
"""What stands in the column of a proof, for the model in a folder that may not be written yet."""


def run(proof: str, folder: Path) -> str:
    """`proven`, or what is wrong."""
    if not folder.exists():
        FAMILIES[folder.name].write(folder)
    try:
        PROOFS[proof](folder)
    except TrajectuneError as error:
        return error.what
    return "proven"


def page(cell: Cell = run) -> str:
    """The page."""
    lines = [HEAD, f"| family | class | {' | '.join(PROOFS)} |", "|---|---|" + "---|" * len(PROOFS)]
    with tempfile.TemporaryDirectory() as top:
        for name, family in FAMILIES.items():
            cells = [cell(proof, Path(top) / name) for proof in PROOFS]
            lines.append(f"| {name} | `{family.kind}ForCausalLM` | {' | '.join(cells)} |")
        lines += ["\n## Refused by name\n", "| family | what every command says at once |", "|---|---|"]
        for name in REFUSED:
            lines.append(f"| {name} | {_refusal(write_config(name, Path(top) / name))} |")
    return "\n".join(lines) + "\n"


def _refusal(folder: Path) -> str:
    try:
        load_model(str(folder), "float32", "cpu")
    except TrajectuneError as error:
        return error.what
    return "not refused"


if __name__ == "__main__":
    print(page(), end="")
