"""The inner loops that stream memory: cycles to issue their instructions against cycles that their bytes
take, on an H100 (sm_90a).

A multiprocessor has four schedulers, each of which issues one instruction of its warps per cycle, so an
iteration of all resident warps takes it as many cycles as they have instructions. The bytes are those
that come from the device's memory: weights, keys and values.

What else may hold a loop up is no gate, but is listed: the schedule that the compiler made for one warp,
stalls included but for waits on memory, shared by the warps that take turns; and the other units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from cubins import Instruction, Kernel
from flow import Flow
from resources import resident_blocks

ARCH = "sm_90a"
BYTES_PER_CYCLE = 14.5  # of one multiprocessor: 3.35 TB/s / 132 / 1.755 GHz
SCHEDULERS = 4
ROWS = (1, 8, 16, 32, 64, 128)  # tokens in flight

# Cycles of a multiprocessor's unit for one instruction of a warp. CUDA C++ Programming Guide, "Throughput
# of Native Arithmetic Instructions", 9.0: 128 f32, 64 integer and compare, 16 special functions per cycle.
# Tensor cores: 512 f16 or 1024 int8 products per cycle each, four of them, of which mma.sync reaches some
# 63 % (W. Luo et al., "Benchmarking and dissecting the Nvidia Hopper GPU architecture via
# microbenchmarking", arXiv:2402.13499). Shared memory: 128 bytes per cycle.
MMA_SHARE = 0.63
_FLOAT = ("FFMA", "FMUL", "FADD", "HADD2", "HFMA2", "HMUL2")
_NOT_ARITHMETIC = ("BRA", "BSSY", "BSYNC", "BAR", "DEPBAR", "LDGDEPBAR", "WARPSYNC", "S2R", "S2UR", "NOP", "EXIT")


def unit_cycles(i: Instruction) -> tuple[str, float]:
    base = i.base
    words = 4 if ".128" in i.opcode else 2 if ".64" in i.opcode else 1
    if base in ("HMMA", "IMMA"):
        return "tensor", 2048 / (4 * 512) / MMA_SHARE
    if base == "MUFU":
        return "special", 32 / 16
    if i.predicate == "@!PT" or base in _NOT_ARITHMETIC:
        return "none", 0
    if base in ("LDSM", "STSM", "MOVM"):
        last = i.opcode.rsplit(".", 1)[-1]
        return "shared", float(last) if last.isdigit() else 1
    if base in ("LDS", "STS", "LDGSTS", "SHFL"):
        return "shared", words
    if base in _FLOAT:
        return "arithmetic", 32 / 128
    return "arithmetic", 32 / 64


@dataclass
class Use:
    """A kernel's inner loop, for some number of tokens."""

    kernel: str
    blocks: int  # that read the same bytes, which come from memory once
    warps: int  # that read the same bytes together
    bytes: float  # of one iteration


@dataclass
class Series:
    """A line of the table."""

    name: str
    uses: dict[int, Use]  # by tokens in flight


STEP_BYTES = {"Bf16": 1024, "F16": 512, "F32": 1024, "Q8_0": 1088, "Q4_0": 576, "Q4_1": 640}


def matmul_use(dtype: str, tiles: int, rows: int) -> Use:
    """As matmul_plan.cuh cuts the tokens into groups of 8 and blocks of up to 4 groups."""
    groups = 1 if rows <= 8 else 2 if rows <= 16 else 4
    blocks = math.ceil(rows / (8 * groups))
    return Use(f"MatmulKernel<{dtype}, {tiles}, {groups}>", blocks, 1, STEP_BYTES[dtype] * tiles)


def attention_use(head_dim: int, group: int, rows: int) -> Use:
    """As attention_f16.cu cuts rows x query heads into columns, `group` query heads to a key head."""
    groups = _attention_groups(head_dim, group, rows * group)
    heads = min(group, 8 * groups)
    blocks = math.ceil(rows / min(8 * groups // heads, 64)) * math.ceil(group / heads)
    return Use(f"AttentionPrefixKernel<{head_dim}, {groups}>", blocks, 4, 2 * 64 * head_dim * 2)


def _attention_groups(head_dim: int, group: int, columns: int) -> int:
    if columns <= 8:
        return 1
    if columns <= 32 or head_dim == 256:
        return 4
    return 16 if head_dim == 64 and columns > 64 and group > 1 else 8


def _matmul(dtype: str, tiles: int) -> Series:
    uses = {rows: matmul_use(dtype, tiles, rows) for rows in ROWS}
    return Series(f"matmul {dtype}, {tiles} tile{'s' if tiles > 1 else ''}", uses)


def _attention(head_dim: int, group: int) -> Series:
    uses = {rows: attention_use(head_dim, group, rows) for rows in ROWS}
    return Series(f"attention F16, head_dim {head_dim}, {group} heads to a key head", uses)


SERIES = [_matmul(dtype, tiles) for dtype in STEP_BYTES for tiles in (1, 2, 4)] + [
    _attention(head_dim, group) for head_dim, group in ((64, 3), (64, 4), (128, 4), (256, 4))
]


class Loops:
    """The inner loops of the kernels of an H100."""

    def __init__(self, kernels: list[Kernel], shared: dict[str, int]):
        self._kernels = {kernel.name: kernel for kernel in kernels if kernel.arch == ARCH}
        self._shared = shared
        self._loops: dict[str, list[Instruction]] = {}

    def loop(self, name: str) -> list[Instruction]:
        if name not in self._kernels:
            raise KeyError(f"no {name} for {ARCH}: bring cycles.py in step with the kernels")
        if name not in self._loops:
            self._loops[name] = Flow(self._kernels[name].instructions).hot_loop()
            if not self._loops[name]:
                raise KeyError(f"{name} has no loop that copies to shared memory and multiplies")
        return self._loops[name]

    def stalls(self, name: str) -> int:
        """Cycles of one warp for an iteration, as the compiler scheduled it, without waits on memory."""
        return sum(max(i.stall, 1) for i in self.loop(name))

    def cycles(self, name: str) -> float:
        """Of a multiprocessor for an iteration of one warp: its schedulers', or those of its busiest unit."""
        return max(len(self.loop(name)) / SCHEDULERS, *self._unit_cycles(name).values())

    def resident(self, name: str) -> int:
        """Blocks that a multiprocessor has room for."""
        return resident_blocks(self._kernels[name], self._shared.get(name, 0))

    def issue(self, use: Use) -> float:
        """Percent of the time of the bytes."""
        return self._percent(len(self.loop(use.kernel)) / SCHEDULERS, use)

    def schedule(self, use: Use) -> float:
        """Percent of the time of the bytes, with as many warps as a multiprocessor has room for."""
        warps = self.resident(use.kernel) * self._kernels[use.kernel].threads // 32
        return self._percent(self.stalls(use.kernel) / warps, use)

    def units(self, use: Use) -> dict[str, float]:
        """Percent of the time of the bytes, by unit."""
        return {unit: self._percent(count, use) for unit, count in self._unit_cycles(use.kernel).items()}

    def _unit_cycles(self, name: str) -> dict[str, float]:
        cycles = {"arithmetic": 0.0, "special": 0.0, "shared": 0.0, "tensor": 0.0, "none": 0.0}
        for i in self.loop(name):
            unit, count = unit_cycles(i)
            cycles[unit] += count
        del cycles["none"]
        return cycles

    @staticmethod
    def _percent(cycles_of_a_warp: float, use: Use) -> float:
        return 100 * cycles_of_a_warp * use.warps * use.blocks / (use.bytes / BYTES_PER_CYCLE)


def issue_faults(loops: Loops, limits: dict) -> list[str]:
    """Series that take more than `most` percent at up to `rows` tokens; `above` names the exceptions, each
    with its own limit and reason."""
    faults = []
    for series in SERIES:
        for rows, use in series.uses.items():
            if rows > limits["rows"]:
                continue
            most = limits.get("above", {}).get(series.name, [limits["most"]])[0]
            found = loops.issue(use)
            if found > most:
                faults.append(
                    f"{series.name}: at {rows} tokens, issue takes {found:.0f} % of the bytes' time; at most {most} %"
                )
    strangers = set(limits.get("above", {})) - {series.name for series in SERIES}
    return faults + [f"issue.above names {name}, which is no line of the table" for name in sorted(strangers)]


def issue_table(loops: Loops) -> str:
    lines = ["| loop | " + " | ".join(f"M = {rows}" for rows in ROWS) + " |", "|---|" + "---:|" * len(ROWS)]
    for series in SERIES:
        figures = (f"{loops.issue(series.uses[rows]):.0f}" for rows in ROWS)
        lines.append(f"| {series.name} | " + " | ".join(figures) + " |")
    return "\n".join(lines)


def unit_table(loops: Loops, rows: int) -> str:
    units = ("arithmetic", "special", "shared", "tensor")
    lines = ["| loop | issue | schedule | " + " | ".join(units) + " |", "|---|" + "---:|" * (len(units) + 2)]
    for series in SERIES:
        found = loops.units(series.uses[rows])
        use = series.uses[rows]
        figures = [loops.issue(use), loops.schedule(use)] + [found[unit] for unit in units]
        lines.append(f"| {series.name} | " + " | ".join(f"{figure:.0f}" for figure in figures) + " |")
    return "\n".join(lines)
