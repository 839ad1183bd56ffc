"""Basic blocks and loops of a kernel's instructions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

from cubins import Instruction

_TARGET = re.compile(r"(?:^|[ ,`(])0x([0-9a-f]+)\)?$")
_LEAVES = ("EXIT", "RET", "BRA", "BRX", "JMP", "KILL")


@dataclass
class Block:
    instructions: list[Instruction]
    successors: list[int] = field(default_factory=list)


def _branch_target(instruction: Instruction) -> int | None:
    # BRA.DIV leaves for code that a warp whose lanes came apart goes through, and comes back. It is
    # no part of a loop whose lanes stay together.
    if instruction.base not in ("BRA", "JMP") or ".DIV" in instruction.opcode:
        return None
    return Flow.target(instruction)


class Flow:
    def __init__(self, instructions: list[Instruction]):
        self.instructions = instructions
        targets = {_branch_target(i) for i in instructions}
        self.blocks: list[Block] = []
        begins = True
        for instruction in instructions:
            if begins or instruction.address in targets:
                self.blocks.append(Block([]))
            self.blocks[-1].instructions.append(instruction)
            begins = instruction.base in _LEAVES
        at = {block.instructions[0].address: i for i, block in enumerate(self.blocks)}
        for i, block in enumerate(self.blocks):
            last = block.instructions[-1]
            target = _branch_target(last)
            if target in at:
                block.successors.append(at[target])
            falls = last.base not in _LEAVES or last.predicate or ".DIV" in last.opcode
            if falls and i + 1 < len(self.blocks):
                block.successors.append(i + 1)

    @staticmethod
    def target(instruction: Instruction) -> int | None:
        """The address that a branch or call goes to."""
        found = _TARGET.search(instruction.operands)
        return int(found[1], 16) if found else None

    @cached_property
    def loops(self) -> list[set[int]]:
        """The blocks of each natural loop, one per header; inner loops before those around them. Code
        lies in the order of its addresses, so an edge backwards closes a loop."""
        before: list[list[int]] = [[] for _ in self.blocks]
        for i, block in enumerate(self.blocks):
            for successor in block.successors:
                before[successor].append(i)
        found: dict[int, set[int]] = {}
        for header, sources in enumerate(before):
            tails = [i for i in sources if i >= header]
            if not tails:
                continue
            members = found.setdefault(header, {header})
            work = [tail for tail in tails if tail not in members]
            while work:
                block = work.pop()
                if block not in members:
                    members.add(block)
                    work += before[block]
        # Jumps back to code that was only laid out earlier are no loops: their "loop" holds the entry.
        return sorted((loop for header, loop in found.items() if header == 0 or 0 not in loop), key=len)

    def instructions_of(self, loop: set[int]) -> list[Instruction]:
        return [i for block in sorted(loop) for i in self.blocks[block].instructions]

    @cached_property
    def in_loops(self) -> set[int]:
        """Addresses of the instructions that are in a loop."""
        return {i.address for loop in self.loops for i in self.instructions_of(loop)}

    def hot_loop(self) -> list[Instruction]:
        """The innermost loop that both copies to shared memory and multiplies; empty if there is none."""
        for loop in self.loops:
            instructions = self.instructions_of(loop)
            kinds = {i.base for i in instructions}
            if "LDGSTS" in kinds and kinds & {"HMMA", "IMMA", "FFMA"}:
                return instructions
        return []
