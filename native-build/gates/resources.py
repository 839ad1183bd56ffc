"""Spills, registers, occupancy, atomics, and the instructions that a kernel is built around: gates that
hold for every architecture."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cubins import Kernel
from cuxray.archspec import lookup
from cuxray.occupancy import compute
from expectations import Expected

# KiB of shared memory of a multiprocessor, in the order of `blocks` in gates.toml.
SHARED_KIB = (228, 164, 100)

_ATOMIC = re.compile(r"^(?:ATOM|RED|SUATOM|SURED|UBLKRED|UTMAREDG)")
_FLOAT = re.compile(r"\.(?:B?F16|F32|F64|BF16)")
_PTX_FLOAT = re.compile(r"^\s*(?:@!?%\w+\s+)?((?:atom|red|multimem\.red)\.\S*\.b?f\d\d\S*)", re.M)


def resident_blocks(kernel: Kernel, dynamic_shared: int, registers: int | None = None) -> int:
    """Blocks that a multiprocessor has room for, with the kernel's own registers or another number."""
    spec = lookup(kernel.arch)
    static = max(0, kernel.shared - spec.smem_reserved_per_block)
    used = kernel.registers if registers is None else registers
    return compute(spec, used, kernel.threads, smem_static=static, smem_dynamic=dynamic_shared).blocks_per_sm


def resource_faults(kernel: Kernel, expected: Expected, dynamic_shared: int | None) -> Iterator[str]:
    spilling = [i for i in kernel.instructions if i.base in ("STL", "LDL")]
    if kernel.stack or spilling:
        yield f"{kernel.stack} bytes of local memory, {len(spilling)} accesses to it: spills, or an array in memory"
    if kernel.registers > expected.registers:
        yield f"{kernel.registers} registers; registers = {expected.registers} in the table"
    if kernel.threads == 0:
        yield "no __launch_bounds__: the compiler must not guess the size of a block"
        return
    if dynamic_shared is not None and not expected.blocks:
        yield f"{dynamic_shared} bytes of shared memory (LaunchShared), and no blocks in the table"
    if expected.blocks:
        found = resident_blocks(kernel, dynamic_shared or 0)
        kib = lookup(kernel.arch).smem_per_sm // 1024
        if expected.blocks == "shared":
            wanted = resident_blocks(kernel, dynamic_shared or 0, registers=1)
        else:
            wanted = expected.blocks[SHARED_KIB.index(kib)]
        if found < wanted:
            yield f"{found} blocks fit on a multiprocessor of {kib} KiB; {wanted} are wanted (blocks in the table)"


def instruction_faults(kernel: Kernel, expected: Expected) -> Iterator[str]:
    for need in expected.needs:
        if not any(i.opcode.startswith(need) for i in kernel.instructions):
            yield f"no {need}"
    for i in kernel.instructions:
        if not _ATOMIC.match(i.opcode):
            continue
        if _FLOAT.search(i.opcode):
            yield f"an atomic on floats, whose sum depends on the order of arrival: {i}"
        elif re.search(r"\.CAST?\b", i.opcode) and not expected.swaps:
            yield f"a compare-and-swap, which may be a sum of floats in disguise: {i}"


def ptx_faults(ptx: str) -> list[str]:
    """Atomics on floats in the intermediate code, which later architectures are built from."""
    return [f"an atomic on floats: {found[1]}" for found in _PTX_FLOAT.finditer(ptx)]
