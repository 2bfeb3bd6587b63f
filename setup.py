"""The native part: one C source, built once for each kind of processor (everything else: pyproject.toml).

Each build is optional: without a C compiler, or with one that does not know the instructions, the package
is installed all the same, and the engine takes PyTorch's path.
"""

import platform
import sys
from pathlib import Path

from setuptools import Extension, setup

FOLDER = "src/trajectune/engine/network/native/c"
AVX512 = ["f", "bw", "vl", "dq", "vnni", "bf16"]
LEVELS = {
    "avx2": ["-mavx2", "-mfma"],
    "avx512": ["-mfma", *(f"-mavx512{name}" for name in AVX512), "-mprefer-vector-width=512"],
}
LEVELS["amx"] = [*LEVELS["avx512"], "-mamx-tile", "-mamx-int8", "-mamx-bf16"]
COMMON = ["-O3", "-std=gnu11", "-fopenmp", "-fno-math-errno", "-fno-trapping-math"]
HERE = sys.platform == "linux" and platform.machine() in ("x86_64", "AMD64")

setup(
    ext_modules=[
        Extension(
            f"trajectune.engine.network.native._{level}",
            [f"{FOLDER}/forward.c"],
            depends=[str(header) for header in sorted(Path(FOLDER).glob("*.h"))],
            extra_compile_args=[*COMMON, *flags],
            extra_link_args=["-fopenmp"],
            optional=True,
        )
        for level, flags in LEVELS.items()
        if HERE
    ]
)
