#!/usr/bin/env python3
"""The static gates of the CUDA kernels: what their machine code must hold, checked without a GPU.

  build/default/gates/bin/python native-build/gates/check.py --build build/default

For every architecture that was built: no spills, registers and occupancy within cuda-kernels/gates.toml,
no atomics on floats, the intended instructions. For sm_90a also: no bank conflicts, coalesced accesses,
and the inner loops' issue cycles against their bytes, which cuda-kernels/MODEL.md must show (model.py).

Exits with 1 if a gate is missed, with 2 if something is missing that the gates need.
"""

from __future__ import annotations

import concurrent.futures
import re
import sys
from pathlib import Path

try:
    from build import ROOT, arguments, cached, run, toolkit
    from cubins import PROCESSES, Kernel, read_kernels, shared_sizes
    from cycles import ARCH, Loops, issue_faults
    from expectations import Expectations, Expected
    from memory import memory_faults
    from model import model_faults
    from resources import instruction_faults, ptx_faults, resource_faults
except ModuleNotFoundError as missing:
    requirements = Path(__file__).with_name("requirements.txt")
    print(f"The gates need {missing.name}: pip install -r {requirements}", file=sys.stderr)
    sys.exit(2)


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
    with concurrent.futures.ProcessPoolExecutor(PROCESSES) as pool:
        for (kernel, *_), found in zip(jobs, pool.map(faults_of, *zip(*jobs), chunksize=8) if jobs else []):
            faults += [f"{kernel.arch} {kernel.name}: {fault}" for fault in found]
    faults += [f"{table.file}: no kernel is named {name}" for name in table.unused()]
    return faults


def check_architectures(kernels: list[Kernel], wanted: list[str]) -> list[str]:
    built = {arch: {kernel.name for kernel in kernels if kernel.arch == arch} for arch in wanted}
    everywhere = set().union(*built.values())
    return [f"{arch}: not built: {name}" for arch in wanted for name in sorted(everywhere - built[arch])]


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--expect", type=Path, default=ROOT / "cuda-kernels/gates.toml", help="the table")
    args = parser.parse_args()
    tools, library = toolkit(args)
    kernels = read_kernels(tools, library)
    shared = shared_sizes(tools, library)
    table = Expectations(args.expect)
    architectures = re.findall(r"\w+", cached(args.build, "JANGLE_CUDA_ARCHITECTURES"))
    faults = check_kernels(kernels, shared, table)
    faults += check_architectures(kernels, [f"sm_{arch}" for arch in architectures])
    faults += ptx_faults(tools.run(tools.cuobjdump, "-ptx", library))
    if table.issue and any(kernel.arch == ARCH for kernel in kernels):
        loops = Loops(kernels, shared)
        faults += issue_faults(loops, table.issue) + model_faults(loops)
    for fault in faults:
        print(fault)
    names = {kernel.name for kernel in kernels}
    print(f"{len(names)} kernels for {', '.join(sorted({kernel.arch for kernel in kernels}))}: {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(run(main))
