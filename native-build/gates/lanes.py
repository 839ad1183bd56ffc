"""What the 32 lanes of a warp hold in a register, as far as the machine code tells.

A register's value is a set of alternatives, each a vector of 32 lanes plus an unknown that is the same
in every lane (cuxray's lane values, which also know the alignment of the unknown). Alternatives come
from branches and predicates that meet.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

from cuxray.analyze import lanevalue as lv

MOST_ALTERNATIVES = 8


@dataclass(frozen=True)
class Lanes:
    alternatives: tuple[lv.Value, ...] = ()  # none: unknown
    reason: str = ""  # why it is unknown

    @property
    def uniform(self) -> bool:
        return bool(self.alternatives) and all(value.is_uniform for value in self.alternatives)


def unknown(reason: str) -> Lanes:
    return Lanes((), reason)


UNIFORM = Lanes((lv.uniform_unknown(),))


def constant(value: int) -> Lanes:
    return Lanes((lv.const(value),))


def union(a: Lanes, b: Lanes) -> Lanes:
    """Either of the two. Patterns that differ by a uniform offset become one."""
    if not a.alternatives or not b.alternatives:
        return a if not a.alternatives else b
    if a == b:
        return a
    found = list(a.alternatives)
    for value in b.alternatives:
        for i, old in enumerate(found):
            joined = lv.join(old, value)
            if joined.kind != lv.VARYING:
                found[i] = joined
                break
        else:
            found.append(value)
    return Lanes(tuple(found)) if len(found) <= MOST_ALTERNATIVES else unknown("too many paths meet")


def lift(operation, *operands: Lanes, reason: str = "") -> Lanes:
    """The operation on lane values, over all combinations of alternatives."""
    result = Lanes()
    for operand in operands:
        if not operand.alternatives:
            return operand
    for values in itertools.product(*(operand.alternatives for operand in operands)):
        value = operation(*values)
        if value.kind == lv.VARYING:
            return unknown(reason or value.reason or "beyond linear arithmetic")
        result = Lanes((value,)) if not result.alternatives else union(result, Lanes((value,)))
        if not result.alternatives:
            return result
    return result


def choose(holds: tuple[bool, ...], a: Lanes, b: Lanes) -> Lanes:
    """a in the lanes where it holds, b in the others."""

    def lanes(x: lv.Value, y: lv.Value) -> lv.Value:
        if x == y:  # the base of shared memory, made anew
            return x
        if x.kind == y.kind == lv.PURE:
            return lv.pure([i if first else j for first, i, j in zip(holds, x.vec, y.vec)])
        return lv.varying("lanes that choose differently")

    return lift(lanes, a, b)


def add(*terms: Lanes) -> Lanes:
    total = terms[0]
    for term in terms[1:]:
        total = lift(lv.add, total, term)
    return total


_TERM = re.compile(r"^(-|~|!)?\|?(U?R\d+|U?RZ|0x[0-9a-f]+|-?\d+)\|?((?:\.\w+)*)$")


class State(dict):
    """Registers by name. One that no path has written yet is missing. Under (name, predicate): what it
    holds where that predicate is true, if its last write was under it."""

    guard = ""  # the predicate of the instruction that reads

    def __init__(self, *values):
        super().__init__(*values)
        self.predicates: dict[str, tuple[bool, ...]] = {}  # the lanes where it holds, within a block of code

    def holds(self, predicate: str) -> tuple[bool, ...] | None:
        """The lanes where 'P0' or '@!P0' holds, where that is known and lanes differ in it. Where all of
        this warp agree, another warp's may do otherwise."""
        lanes = self.predicates.get(predicate.lstrip("@!"))
        if not lanes or all(lanes) or not any(lanes):
            return None
        return tuple(not lane for lane in lanes) if "!" in predicate else lanes

    def operand(self, text: str) -> Lanes:
        if text.startswith(("c[", "-c[", "desc[")):
            return UNIFORM
        if text == "SRZ":
            return constant(0)
        match = _TERM.match(text)
        if not match:
            return unknown(f"operand {text}")
        sign, core, suffix = match.groups()
        if core in ("RZ", "URZ"):
            value = constant(0)
        elif core.startswith(("R", "U")):
            value = self.get((core, self.guard)) or self.get(core, unknown("never written"))
        else:
            value = constant(int(core, 0))
        if sign == "-":
            value = lift(lv.sub, constant(0), value)
        elif sign == "~":
            value = lift(lv.xor, value, constant(0xFFFFFFFF))
        scale = re.search(r"\.X(\d+)", suffix)
        return lift(lv.mul, value, constant(int(scale[1]))) if scale else value

    def write(self, name: str, value: Lanes) -> None:
        before = self.get(name)
        for key in [key for key in self if key[0] == name and isinstance(key, tuple)]:
            del self[key]
        if self.guard:
            self[name, self.guard] = value
            holds = self.holds(self.guard)
            if before is not None:
                value = choose(holds, value, before) if holds else union(before, value)
        self[name] = value

    def forget_predicate(self, name: str) -> None:
        self.predicates.pop(name, None)
        for key in [key for key in self if isinstance(key, tuple) and key[1].lstrip("@!") == name]:
            del self[key]

    def keep(self, names: set[str]) -> State:
        """Of these registers only."""
        return State({key: self[key] for key in self if (key if isinstance(key, str) else key[0]) in names})

    def merge(self, other: State) -> bool:
        """Becomes either of the two; whether that is something new."""
        merged = {key: union(self[key], value) if key in self else value for key, value in other.items()}
        merged |= {key: value for key, value in self.items() if key not in other}
        for key in [key for key in merged if isinstance(key, tuple) and not (key in self and key in other)]:
            del merged[key]
        changed = merged != self
        self.clear()
        self.update(merged)
        return changed

    def address(self, text: str) -> Lanes:
        """Of what stands between brackets: 'R9+0x200', 'R4.64+-0x800', 'R2+UR4'."""
        return add(*(self.operand(re.sub(r"\.(64|U32)\b", "", term)) for term in text.split("+") if term))
