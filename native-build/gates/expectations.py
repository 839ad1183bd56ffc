"""cuda-kernels/gates.toml: what the machine code of each kernel is to be like."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field, fields
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib


class BadTable(Exception):
    """gates.toml says what it cannot mean."""


@dataclass
class Expected:
    """Of one kernel; the head of gates.toml says what each is."""

    registers: int = 0
    blocks: list[int] | str = field(default_factory=list)
    needs: list[str] = field(default_factory=list)
    swaps: str = ""
    coalescing: dict[str, list] = field(default_factory=dict)
    conflicts: dict[str, list] = field(default_factory=dict)
    untraced: dict[str, str] = field(default_factory=dict)


_FIELDS = {f.name for f in fields(Expected)}


def _matches(name: str, pattern: str) -> bool:
    """As a shell's pattern, in which {a|b} is a or b and [ is itself."""
    choice = re.search(r"\{([^{}]*)\}", pattern)
    if not choice:
        return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))
    parts = (pattern[: choice.start()] + part + pattern[choice.end() :] for part in choice[1].split("|"))
    return any(_matches(name, part) for part in parts)


class Expectations:
    def __init__(self, file: Path):
        self.file = file
        table = tomllib.loads(file.read_text())
        self.issue = table.get("issue", {})
        self._entries = table.get("kernel", [])
        self._used: set[int] = set()
        for entry in self._entries:
            odd = set(entry) - _FIELDS - {"name"}
            if odd or "name" not in entry:
                raise BadTable(f"{file}: in the entry {entry}: {', '.join(odd) or 'no name'}")

    def of(self, name: str) -> Expected | None:
        """All entries whose name fits, later ones over earlier ones; None if there is none."""
        found = None
        for i, entry in enumerate(self._entries):
            if _matches(name, entry["name"]):
                self._used.add(i)
                found = found or Expected()
                for key in set(entry) - {"name"}:
                    setattr(found, key, entry[key])
        return found

    def unused(self) -> list[str]:
        """Names that no kernel had."""
        return [entry["name"] for i, entry in enumerate(self._entries) if i not in self._used]
