#!/usr/bin/env python3
"""The static gates of the CUDA kernels: what their machine code must hold, checked without a GPU.

  build/default/gates/bin/python native-build/gates/check.py --build build/default

For every architecture that was built: no spills, registers and occupancy within cuda-kernels/gates.toml,
no atomics on floats, the intended instructions. For sm_90a also: no bank conflicts, coalesced accesses,
and the inner loops' issue cycles against their bytes. model.py prints the table of the latter.

Exits with 1 if a gate is missed, with 2 if something is missing that the gates need.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
from pathlib import Path

try:
    from cubins import Kernel, MissingTool, Toolkit, read_kernels, shared_sizes
    from cycles import ARCH, Loops, issue_faults
    from expectations import BadTable, Expectations, Expected
    from memory import memory_faults
    from resources import instruction_faults, ptx_faults, resource_faults
except ModuleNotFoundError as missing:
    requirements = Path(__file__).with_name("requirements.txt")
    print(f"The gates need {missing.name}: pip install -r {requirements}", file=sys.stderr)
    sys.exit(2)

ROOT = Path(__file__).resolve().parents[2]


def cached(build: Path, name: str) -> str:
    """A value of the build's CMake cache."""
    cache = build / "CMakeCache.txt"
    found = re.search(rf"^{name}(?::\w+)?=(.*)$", cache.read_text(), re.M) if cache.exists() else None
    return found[1] if found else ""


def faults_of(kernel: Kernel, expected: Expected, dynamic_shared: int | None) -> list[str]:
    faults = list(resource_faults(kernel, expected, dynamic_shared))
    faults += instruction_faults(kernel, expected)
    if kernel.arch == ARCH and kernel.threads:
        faults += memory_faults(kernel, expected)
    return faults


def check_kernels(kernels: list[Kernel], shared: dict[str, int], table: Expectations) -> list[str]:
    """Each fault as a line."""
    jobs, faults, strangers = [], [], set()
    for kernel in kernels:
        expected = table.of(kernel.name)
        if expected:
            jobs.append((kernel, expected, shared.get(kernel.name)))
        elif kernel.name not in strangers:
            strangers.add(kernel.name)
            faults.append(
                f"{kernel.name}: not in the table; add to {table.file}:"
                f'\n    [[kernel]]\n    name = "{kernel.name}"\n    registers = {kernel.registers}'
            )
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        for (kernel, *_), found in zip(jobs, pool.map(faults_of, *zip(*jobs), chunksize=8) if jobs else []):
            faults += [f"{kernel.arch} {kernel.name}: {fault}" for fault in found]
    faults += [f"{table.file}: no kernel is named {name}" for name in table.unused()]
    return faults


def check_architectures(kernels: list[Kernel], wanted: list[str]) -> list[str]:
    built = {arch: {kernel.name for kernel in kernels if kernel.arch == arch} for arch in wanted}
    everywhere = set().union(*built.values())
    return [f"{arch}: not built: {name}" for arch in wanted for name in sorted(everywhere - built[arch])]


def arguments(description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build/default", help="the build's folder")
    parser.add_argument("--library", type=Path, help="the file to read; the build's libjangle_cuda.so")
    parser.add_argument("--expect", type=Path, default=ROOT / "cuda-kernels/gates.toml", help="the table")
    return parser.parse_args()


def toolkit(args: argparse.Namespace) -> tuple[Toolkit, Path]:
    """The tools and the library of a build."""
    cuobjdump = cached(args.build, "JANGLE_CUOBJDUMP")
    library = args.library or args.build / "lib/libjangle_cuda.so"
    if not cuobjdump or not library.exists():
        raise MissingTool(f"{args.build} holds no build with -DJANGLE_CUDA=ON and its {library.name}")
    return Toolkit(Path(cuobjdump)), library


def main() -> int:
    args = arguments(__doc__)
    tools, library = toolkit(args)
    kernels = read_kernels(tools, library)
    shared = shared_sizes(tools, library)
    table = Expectations(args.expect)
    architectures = re.findall(r"(\d+\w*)-real", cached(args.build, "JANGLE_CUDA_ARCHITECTURES"))
    faults = check_kernels(kernels, shared, table)
    faults += check_architectures(kernels, [f"sm_{arch}" for arch in architectures])
    faults += ptx_faults(tools.run(tools.cuobjdump, "-ptx", library))
    if table.issue and any(kernel.arch == ARCH for kernel in kernels):
        faults += issue_faults(Loops(kernels, shared), table.issue)
    for fault in faults:
        print(fault)
    names = {kernel.name for kernel in kernels}
    print(f"{len(names)} kernels for {', '.join(sorted({kernel.arch for kernel in kernels}))}: {len(faults)} faults")
    return 1 if faults else 0


def run(command) -> int:
    """The exit status of a command; 2 with the reason if something is missing that it needs."""
    try:
        return command()
    except (MissingTool, BadTable, KeyError) as error:
        print(error.args[0], file=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(f"{' '.join(map(str, error.cmd))} failed: {error.stderr}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(run(main))
