#!/usr/bin/env python3
"""What the machine code for an H100 leads one to expect of decoding: cuda-kernels/MODEL.md.

  build/default/gates/bin/python native-build/gates/model.py --build build/default [--write]

Prints the tables of that file, or with --write puts them into it; check.py fails where it holds others.
The first is the issue cycles of the inner loops against their bytes (cycles.py), the second the time of
a decoding step by step.py. No figure of either was measured.
"""

from __future__ import annotations

import sys
from pathlib import Path

from build import ROOT, arguments, run, toolkit
from cubins import read_kernels, shared_sizes
from cycles import ARCH, ROWS, Loops, issue_table, unit_table
from step import FORMATS, MODELS, Step

FILE = ROOT / "cuda-kernels/MODEL.md"
BEGIN, END = "<!-- model.py -->\n", "<!-- /model.py -->\n"
CONTEXTS = (1024, 8192)


def step_table(loops: Loops, context: int) -> str:
    head = ["model", "weights", "kernels"] + [f"M = {rows}" for rows in ROWS]
    lines = ["| " + " | ".join(head) + " |", "|---|---|" + "---:|" * (len(head) - 2)]
    for model in MODELS:
        for dtype in FORMATS:
            steps = [Step(loops, model, dtype, rows, context) for rows in ROWS]
            times = [step.microseconds for step in steps]
            figures = [f"{times[0]:,.0f}"] + [f"{time:,.0f} ({time / times[0]:.2f})" for time in times[1:]]
            lines.append(f"| {model.name} | {dtype} | {steps[0].kernels} | " + " | ".join(figures) + " |")
    return "\n".join(lines)


def part_table(loops: Loops, context: int, rows: int) -> str:
    head = ["model", "weights", "launches", "waits", "weights' bytes", "keys' and values' bytes", "beyond the bytes", "sum"]
    lines = ["| " + " | ".join(head) + " |", "|---|---|" + "---:|" * (len(head) - 2)]
    for model in MODELS:
        for dtype in FORMATS:
            step = Step(loops, model, dtype, rows, context)
            figures = [f"{part:,.0f}" for part in (*step.parts(), step.microseconds)]
            lines.append(f"| {model.name} | {dtype} | " + " | ".join(figures) + " |")
    return "\n".join(lines)


def tables(loops: Loops) -> str:
    """What stands between the marks of MODEL.md."""
    parts = [
        "### Issue cycles in percent of the time of the bytes\n",
        issue_table(loops),
        "\n### What else a loop asks for at M = 32, in percent of the time of the bytes\n",
        unit_table(loops, 32),
    ]
    for context in CONTEXTS:
        parts += [f"\n### Microseconds of a step with {context:,} tokens in the cache (and in steps of one row)\n"]
        parts += [step_table(loops, context)]
    parts += [f"\n### Parts of a step of one row with {CONTEXTS[0]:,} tokens in the cache, microseconds\n"]
    parts += [part_table(loops, CONTEXTS[0], 1)]
    return "\n".join(parts) + "\n"


def model_faults(loops: Loops, file: Path = FILE) -> list[str]:
    """Whether the file holds these tables."""
    text = file.read_text() if file.exists() else ""
    if BEGIN + "\n" + tables(loops) + "\n" + END in text:
        return []
    return [f"{file} holds other figures than these kernels lead to: run native-build/gates/model.py --write"]


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--write", action="store_true", help="writes the tables to the file")
    args = parser.parse_args()
    tools, library = toolkit(args)
    loops = Loops(read_kernels(tools, library, ARCH), shared_sizes(tools, library))
    found = tables(loops)
    if not args.write:
        print(found, end="")
        return 0
    before, marked, rest = FILE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    if not marked or END not in rest:
        raise KeyError(f"{FILE} has no place for the tables: {BEGIN.strip()} and {END.strip()}")
    FILE.write_text(before + BEGIN + "\n" + found + "\n" + END + after)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
