"""Which addresses the 32 lanes of a warp use: the machine code, carried out on lane values (lanes.py).

An access is judged by the worst of its alternatives. An address is unknown where it depends on loaded
data, on other lanes, or on arithmetic beyond these rules. Assumed, as the kernels see to it: indices are
not negative, 64-bit addresses carry alike in all lanes, and warps differ by a uniform offset, so warp 0
stands for all. Also that whole warps choose alike, where it is not seen which lanes choose what (a
comparison of values known in every lane, in the same block of code), and that lanes which choose between
two unknowns of one pattern choose between equals.
"""

from __future__ import annotations

import functools
import itertools
import operator
import re
import struct
from dataclasses import dataclass

from cubins import Instruction
from cuxray.analyze import lanevalue as lv
from flow import Flow
from lanes import UNIFORM, Lanes, State, add, choose, constant, lift, union, unknown

MOST_ROUNDS = 64  # through a kernel's blocks, until what meets there no longer changes

_PREDICATE = re.compile(r"^!?U?P(?:T|\d+)(?:\.\w+)*$")
_SPECIAL = re.compile(r"SR_(TID|CTAID)\.?([XYZ])")


@functools.cache  # loops are gone through several times
def _split(operands: str) -> tuple[str, ...]:
    parts, depth = [""], 0
    for letter in operands:
        depth += (letter in "[(") - (letter in "])")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return tuple(re.sub(r"\.reuse\b", "", part.strip()) for part in parts)


def _registers(name: str, count: int) -> list[str]:
    kind, number = re.match(r"(U?R)(\d+)", name).groups()
    return [f"{kind}{int(number) + i}" for i in range(count)]


def _loaded_words(opcode: str) -> int:
    return 4 if ".128" in opcode else 2 if ".64" in opcode else 1


def _fragment_words(base: str, opcode: str) -> int:
    if base == "MOVM":
        return 1
    if base == "LDSM":  # the number of matrices stands last, unless it is one
        last = opcode.rsplit(".", 1)[-1]
        return int(last) if last in ("2", "4") else 1
    return 4  # of sums in f32 or int32


def _high_product(a: lv.Value, b: lv.Value) -> lv.Value:
    if a.kind == lv.PURE and b.kind == lv.PURE:
        return lv.pure([x * y >> 32 for x, y in zip(a.vec, b.vec)])
    return lv.uniform_unknown() if a.is_uniform and b.is_uniform else lv.varying("high half of a product")


def _arithmetic(base: str, opcode: str, sources: list[str], state: State) -> Lanes:
    """The low word of the result."""
    values = [state.operand(source) for source in sources]
    parts = opcode.split(".")
    if "X" in parts:  # takes a carry: the high word of an address
        return UNIFORM
    if base in ("MOV", "R2UR", "CS2R"):
        return UNIFORM if base == "R2UR" and not values[0].uniform else values[0]
    if base == "IMAD":
        if "HI" in parts:
            return add(lift(_high_product, values[0], values[1]), UNIFORM if values[2].uniform else values[2])
        return add(lift(lv.mul, values[0], values[1]), values[2])
    if base in ("IADD3", "IADD", "VIADD"):
        return add(*values)
    if base == "LEA":
        shift = values[-1]
        if "HI" in parts:  # Rb + ({Rc:Ra} >> (32 - shift))
            low = lift(lambda a, s: lv.shr(a, lv.sub(lv.const(32), s)), values[0], shift)
            return add(values[1], low, lift(lv.shl, values[2], shift))
        return add(lift(lv.shl, values[0], shift), values[1]) if len(values) > 2 else add(values[0], values[1])
    if base in ("SHF", "SHL", "SHR"):
        left = "L" in parts or base == "SHL"
        high = "HI" in parts and sources[0] in ("RZ", "URZ")
        word = values[2] if high else values[0]
        if not left and "S32" in parts and sources[1] == "0x1f":
            return constant(0)  # the sign of what is not negative
        if left and "HI" in parts and not high:
            return UNIFORM  # the high word of a 64-bit value
        if not left and not high and sources[2] not in ("RZ", "URZ"):
            return add(lift(lv.shr, word, values[1]), UNIFORM)  # bits of the high word come in alike
        return lift(lv.shl if left else lv.shr, word, values[1])
    if base in ("LOP3", "LOP"):
        table = int(sources[3], 0)
        return lift(lambda a, b, c: lv.lop3(a, b, c, table), *values[:3])
    if base in ("SEL", "VIMNMX", "IMNMX"):  # one of the two; a limit binds in whole warps or not at all
        return union(values[0], values[1])
    if base == "HFMA2" and sources[0].endswith("RZ") and sources[1] == "RZ":  # loads two halves
        high, low = (int.from_bytes(struct.pack("<e", float(text)), "little") for text in sources[2:4])
        return constant(high << 16 | low)
    if all(value.uniform for value in values):
        return UNIFORM
    if base == "PRMT" and all(v.kind == lv.PURE and len(v.vec) for value in values for v in value.alternatives):
        return lift(_permute, *values)
    return unknown(f"{base} of lanes that differ")


def _permute(a: lv.Value, selector: lv.Value, b: lv.Value) -> lv.Value:
    lanes = []
    for x, s, y in zip(a.vec, selector.vec, b.vec):
        source = x.to_bytes(4, "little") + y.to_bytes(4, "little")
        if s & 0x8888:
            return lv.varying("PRMT of signs")
        lanes.append(sum(source[s >> 4 * i & 7] << 8 * i for i in range(4)))
    return lv.pure(lanes)


# Results that are the same in every lane, whatever the operands.
_WARP_WIDE = ("VOTE", "VOTEU", "REDUX", "CREDUX", "S2UR", "ELECT")
_NO_REGISTER = frozenset((
    "ISETP", "FSETP", "DSETP", "HSETP2", "FCHK", "PLOP3", "UISETP", "UPLOP3", "R2P",
    "ST", "STG", "STS", "STL", "STSM", "RED", "REDG", "LDGSTS", "BRA", "BRX", "JMP", "EXIT", "RET", "KILL",
    "BAR", "NOP", "DEPBAR", "LDGDEPBAR", "MEMBAR", "FENCE", "ERRBAR", "CGAERRBAR", "BSYNC", "BSSY", "BREAK",
    "YIELD", "WARPSYNC", "ENDCOLLECTIVE", "CCTL", "CCTLL", "BMOV", "NANOSLEEP", "BPT",
))  # fmt: skip

_COMPARISONS = {
    name.upper(): getattr(operator, name) for name in ("lt", "le", "eq", "ne", "ge", "gt")
}  # fmt: skip


def _where(comparison: str, signed: bool, a: Lanes, b: Lanes) -> tuple[bool, ...] | None:
    """The lanes where it holds, of values known in every lane."""
    values = a.alternatives + b.alternatives
    if len(values) != 2 or any(value.kind != lv.PURE for value in values) or comparison not in _COMPARISONS:
        return None
    flip = 1 << 31 if signed else 0  # brings signed words into the order of unsigned ones
    return tuple(_COMPARISONS[comparison](x ^ flip, y ^ flip) for x, y in zip(values[0].vec, values[1].vec))


def _compare(opcode: str, operands: list[str], state: State) -> None:
    parts = opcode.split(".")
    if "EX" in parts or "AND" not in parts or operands[-1] != "PT" or state.guard:
        return
    holds = _where(parts[1], "U32" not in parts, *(state.operand(text) for text in operands[2:4]))
    if holds and operands[0] != "PT":
        state.predicates[operands[0]] = holds


def _execute(instruction: Instruction, state: State, threads: dict[str, Lanes]) -> None:
    base = instruction.base
    if instruction.predicate == "@!PT":
        return
    state.guard = instruction.predicate
    operands = list(_split(instruction.operands))
    # Predicates that it sets stand first, or behind the register.
    register = re.match(r"U?R(\d+|Z)", operands[0])
    for text in itertools.takewhile(_PREDICATE.match, operands[1:] if register else operands):
        state.forget_predicate(text)
    if base == "ISETP":
        _compare(instruction.opcode, operands, state)
    if base in _NO_REGISTER:
        return
    while operands and _PREDICATE.match(operands[0]):
        operands.pop(0)
    register = register or (re.match(r"U?R(\d+|Z)", operands[0]) if operands else None)
    if not register or register[1] == "Z":
        return
    target = register[0]
    sources = [text for text in operands[1:] if not _PREDICATE.match(text)]
    uniform_twin = base[1:] if base.startswith("U") and base not in ("UMUFU",) else base
    words = 1
    if base in ("S2R", "S2UR"):
        special = _SPECIAL.search(operands[1])
        if special and special[1] == "TID":
            value = threads[special[2]]
        else:
            value = Lanes((lv.pure(range(32)),)) if "LANEID" in operands[1] else UNIFORM
    elif base in _WARP_WIDE:
        value = UNIFORM
    elif base in ("LDC", "LDCU", "ULDC"):
        value, words = UNIFORM, _loaded_words(instruction.opcode)
    elif base == "SHFL":
        value = unknown("from another lane")
    elif base in ("LDSM", "HMMA", "IMMA", "MOVM"):
        value, words = unknown("matrix fragments"), _fragment_words(base, instruction.opcode)
    elif base.startswith(("LD", "ATOM")):
        address = state.address(re.findall(r"\[([^\]]*)\]", instruction.operands)[-1])
        one = address.uniform and base.startswith("LD")
        value, words = UNIFORM if one else unknown("loaded data"), _loaded_words(instruction.opcode)
    elif base in ("SEL", "VIMNMX") and (holds := _chosen(instruction.opcode, operands, state)):
        value = choose(holds, *(state.operand(source) for source in sources[:2]))
    else:
        value = _arithmetic(uniform_twin, instruction.opcode, sources, state)
        if ".WIDE" in instruction.opcode or base == "CS2R":
            words = 2
    for i, name in enumerate(_registers(target, words)):
        state.write(name, UNIFORM if i > 0 and ".WIDE" in instruction.opcode else value)


def _chosen(opcode: str, operands: list[str], state: State) -> tuple[bool, ...] | None:
    """The lanes that take the first of the two sources, where that is known and lanes differ in it."""
    if opcode.startswith("SEL"):
        return state.holds(operands[-1])
    comparison = "GT" if operands[-1] == "!PT" else "LT"
    holds = _where(comparison, "U32" not in opcode, *(state.operand(text) for text in operands[1:3]))
    return holds if holds and 0 < sum(holds) < 32 else None


@dataclass
class Access:
    instruction: Instruction
    space: str  # "global", "shared", or "generic" where the instruction does not tell
    address: Lanes


_SPACES = {
    "LDS": "shared", "STS": "shared", "LDSM": "shared", "STSM": "shared", "ATOMS": "shared",
    "LDG": "global", "STG": "global", "LD": "generic", "ST": "generic", "ATOM": "generic",
}  # fmt: skip


def _accesses(instruction: Instruction, state: State) -> list[Access]:
    base = instruction.base
    state.guard = instruction.predicate
    brackets = re.findall(r"(desc)?\[([^\]]*)\]", instruction.operands)
    addresses = [text for kind, text in brackets if not kind]
    if instruction.predicate == "@!PT" or not addresses:
        return []
    if base == "LDGSTS":
        return [
            Access(instruction, "shared", state.address(addresses[0])),
            Access(instruction, "global", state.address(addresses[1])),
        ]
    return [Access(instruction, _SPACES[base], state.address(addresses[-1]))] if base in _SPACES else []


_REGISTER = re.compile(r"\bU?R\d+\b")


def _reads_and_writes(instruction: Instruction) -> tuple[set[str], set[str]]:
    operands = _split(instruction.operands)
    stores = instruction.base in _NO_REGISTER
    first = 0
    while not stores and first < len(operands) and _PREDICATE.match(operands[first]):
        first += 1
    writes = set() if stores else set(_REGISTER.findall(operands[first] if first < len(operands) else ""))
    reads = {name for text in operands[0 if stores else first + 1 :] for name in _REGISTER.findall(text)}
    return reads, writes


def _live(flow: Flow) -> list[set[str]]:
    """Registers whose value at the begin of each block is read later on. Others hold what is left of
    something else, which must not be taken for an alternative."""
    reads, writes = [], []
    for block in flow.blocks:
        read, written = set(), set()
        for instruction in block.instructions:
            r, w = _reads_and_writes(instruction)
            read |= r - written
            if not instruction.predicate:
                written |= w
        reads.append(read)
        writes.append(written)
    live = [set(read) for read in reads]
    changed = True
    while changed:
        changed = False
        for i in reversed(range(len(flow.blocks))):
            after = set().union(*(live[successor] for successor in flow.blocks[i].successors))
            new = reads[i] | (after - writes[i])
            if new != live[i]:
                live[i], changed = new, True
    return live


def _call(instruction: Instruction, flow: Flow, state: State) -> None:
    """A function of the compiler's own, such as a division: where all that it reads is the same in every
    lane, so are its results."""
    begin = flow.target(instruction)
    reads, writes = set(), set()
    for inside in flow.instructions:
        if begin is None or inside.address < begin:
            continue
        if inside.base == "RET":
            break
        read, written = _reads_and_writes(inside)
        reads |= read - writes
        writes |= written
    uniform = all(state[name].uniform for name in reads if name in state)
    for name in writes:
        state.write(name, UNIFORM if uniform else unknown("a function's result"))


def accesses(flow: Flow, threads: int) -> list[Access]:
    """Every access to global and shared memory but global atomics, of a block of `threads` x 1 x 1."""
    zeros = constant(0)
    tid = {"X": Lanes((lv.pure([min(lane, threads - 1) for lane in range(32)]),)), "Y": zeros, "Z": zeros}

    def step(instruction: Instruction, state: State) -> None:
        if instruction.base == "CALL":
            _call(instruction, flow, state)
        else:
            _execute(instruction, state, tid)

    live = _live(flow)
    entry: list[State | None] = [None] * len(flow.blocks)
    entry[0] = State()
    work = [0]
    rounds = 0
    while work:
        rounds += 1
        if rounds > MOST_ROUNDS * len(flow.blocks):
            raise RuntimeError(f"what the lanes hold still changes after {MOST_ROUNDS} rounds through a kernel")
        at = min(work)
        work.remove(at)
        state = State(entry[at])
        for instruction in flow.blocks[at].instructions:
            step(instruction, state)
        for successor in flow.blocks[at].successors:
            if entry[successor] is None:
                entry[successor] = state.keep(live[successor])
            elif not entry[successor].merge(state.keep(live[successor])):
                continue
            if successor not in work:
                work.append(successor)
    found = []
    for block, state in zip(flow.blocks, entry):
        if state is None:
            continue
        state = State(state)
        for instruction in block.instructions:
            found += _accesses(instruction, state)
            step(instruction, state)
    return found
