"""Bank conflicts and coalescing of every access that addresses.py can follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from addresses import Access, accesses
from cubins import Instruction, Kernel
from cuxray.analyze.access import bank_conflict_ways, ideal_sectors, sector_count
from expectations import Expected
from flow import Flow

LEAST_COALESCED = 90  # percent of the bytes of the sectors that are moved

_WIDTHS = {"128": 16, "64": 8, "U8": 1, "S8": 1, "U16": 2, "S16": 2}


def _width(instruction: Instruction) -> int:
    if instruction.base in ("LDSM", "STSM"):  # rows of 16 bytes
        return 16
    return next((_WIDTHS[part] for part in instruction.opcode.split(".") if part in _WIDTHS), 4)


def _rows(instruction: Instruction) -> int:
    """How many lanes give addresses."""
    last = instruction.opcode.rsplit(".", 1)[-1]
    return 8 * int(last) if instruction.base in ("LDSM", "STSM") and last.isdigit() else 32


def conflict_ways(access: Access) -> int:
    """Times that the fullest bank is read or written for one lot of lanes."""
    width, rows = _width(access.instruction), _rows(access.instruction)
    return max(bank_conflict_ways(value.vec[:rows], width)[0] for value in access.address.alternatives)


def coalesced(access: Access) -> float:
    """Percent of the sectors' bytes that are wanted, if the warp's first byte is aligned as it can be."""
    width = _width(access.instruction)
    return min(
        100 * ideal_sectors(value.vec, width) / sector_count(value.vec, width)[1]
        for value in access.address.alternatives
    )


@dataclass
class Faults:
    """Accesses of one opcode that miss the same limit: the first, how many, the worst figure."""

    first: Access
    count: int = 0
    worst: float = 0


def memory_faults(kernel: Kernel, expected: Expected) -> Iterator[str]:
    conflicts: dict[str, Faults] = {}
    scattered: dict[str, Faults] = {}
    untraced: dict[tuple[str, str], Faults] = {}
    generic: dict[str, Faults] = {}

    def note(found: dict, key, access: Access, figure: float) -> None:
        fault = found.setdefault(key, Faults(access))
        fault.count += 1
        fault.worst = max(fault.worst, figure)

    for access in accesses(Flow(kernel.instructions), kernel.threads):
        base = access.instruction.base
        if access.space == "generic":
            note(generic, base, access, 0)
        elif not access.address.alternatives:
            if base not in expected.untraced:
                note(untraced, (base, access.space), access, 0)
        elif access.space == "shared":
            ways = conflict_ways(access)
            if ways > expected.conflicts.get(base, [1])[0]:
                note(conflicts, base, access, ways)
        else:
            share = coalesced(access)
            if share < expected.coalescing.get(base, [LEAST_COALESCED])[0]:
                note(scattered, base, access, 100 - share)

    for base, fault in generic.items():
        yield f"{fault.count} {base} in the generic address space: {fault.first.instruction}"
    for base, fault in conflicts.items():
        yield f"{fault.count} {base} with bank conflicts, up to {fault.worst:.0f} ways: {fault.first.instruction}"
    for base, fault in scattered.items():
        yield f"{fault.count} {base} badly coalesced, down to {100 - fault.worst:.0f} %: {fault.first.instruction}"
    for (base, space), fault in untraced.items():
        why = fault.first.address.reason
        yield f"{fault.count} {base} at {space} addresses that cannot be followed ({why}): {fault.first.instruction}"
