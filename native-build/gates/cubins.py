"""The machine code in a library or object: one Kernel per kernel and architecture.

`cuobjdump` takes the cubins out of the file and disassembles them, one process per cubin. What a launch adds, dynamic shared memory, stands in no cubin; it is
read from the names of the host's symbols, see shared_sizes().
"""

from __future__ import annotations

import concurrent.futures
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from cuxray.parse import ctrl, elf, resusage

PROCESSES = 2  # that run at a time: tests run beside each other


class MissingTool(Exception):
    """A tool that the gates need is not there; the message says which, and where it was looked for."""


@dataclass
class Instruction:
    address: int
    predicate: str  # "@P0", "@!PT" or ""
    opcode: str  # with its suffixes: "LDGSTS.E.BYPASS.128"
    operands: str
    stall: int  # cycles before the warp may issue the next one, as the compiler scheduled it

    @property
    def base(self) -> str:
        return self.opcode.split(".")[0]

    def __str__(self) -> str:
        return f"/*{self.address:04x}*/ {self.predicate} {self.opcode} {self.operands}".replace("  ", " ")


@dataclass
class Kernel:
    arch: str  # "sm_90a"
    symbol: str
    name: str  # without namespaces and parameters: "MatmulKernel<Bf16, 4, 1>"
    threads: int  # of a block, at most: __launch_bounds__; 0 where there are none
    registers: int
    stack: int  # bytes of a thread: spills, and arrays that are not in registers
    shared: int  # static, bytes
    instructions: list[Instruction] = field(default_factory=list)


class Toolkit:
    """cuobjdump, nm and c++filt."""

    def __init__(self, cuobjdump: Path):
        self.cuobjdump = cuobjdump
        for tool in (str(cuobjdump), "nm", "c++filt"):
            try:
                subprocess.run([tool, "--version"], capture_output=True, check=True)
            except (OSError, subprocess.CalledProcessError) as error:
                raise MissingTool(f"{tool} does not run: {error}") from error

    def run(self, *command: str | Path, text: str | None = None, cwd: str | None = None) -> str:
        return subprocess.run(
            [str(part) for part in command], input=text, cwd=cwd, capture_output=True, text=True, check=True
        ).stdout

    def short_names(self, symbols: list[str]) -> list[str]:
        """Names as a reader of the sources knows them."""
        lines = self.run("c++filt", text="\n".join(symbols)).splitlines() if symbols else []
        return [short_name(line) for line in lines]


_NAMESPACE = re.compile(r"\(anonymous namespace\)::|\bjangle::")
_CAST = re.compile(r"\((?:int|bool|unsigned int)\)")


def short_name(demangled: str) -> str:
    """'void jangle::MatmulKernel<jangle::F32, 1, 2>(jangle::MatmulPlan)' -> 'MatmulKernel<F32, 1, 2>'"""
    name = _CAST.sub("", _NAMESPACE.sub("", demangled)).removeprefix("void ")
    depth = 0
    for i, letter in enumerate(name):
        depth += (letter == "<") - (letter == ">")
        if letter == "(" and depth == 0:
            return name[:i]
    return name


_FUNCTION = re.compile(r"^\s*Function : (\S+)", re.M)
_INSTRUCTION = re.compile(
    r"/\*([0-9a-f]{4,})\*/\s+(?:(@!?U?P\w+)\s+)?([A-Z][\w.]*)\s*([^;]*?)\s*;"
    r"\s*/\* 0x[0-9a-f]+ \*/\s*/\* (0x[0-9a-f]+) \*/"
)


def _instructions(sass: str) -> dict[str, list[Instruction]]:
    starts = [(match.group(1), match.end()) for match in _FUNCTION.finditer(sass)]
    ends = [start for _, start in starts[1:]] + [len(sass)]
    found = {}
    for (symbol, start), end in zip(starts, ends):
        found[symbol] = [
            Instruction(
                int(match[1], 16), match[2] or "", match[3], match[4], ctrl.decode_word(int(match[5], 16)).stall
            )
            for match in _INSTRUCTION.finditer(sass, start, end)
        ]
    return found


def _read_cubin(tools: Toolkit, cubin: Path) -> list[Kernel]:
    arch = re.search(r"\.(sm_\w+)\.cubin$", cubin.name)[1]
    usage = resusage.parse(tools.run(tools.cuobjdump, "--dump-resource-usage", cubin))
    bounds = elf.launch_dims(cubin.read_bytes())
    instructions = _instructions(tools.run(tools.cuobjdump, "-sass", cubin))
    symbols = [symbol for symbol in usage if symbol in bounds]  # not the functions that kernels call
    kernels = []
    for symbol, name in zip(symbols, tools.short_names(symbols)):
        shape = bounds[symbol]["reqntid"] or bounds[symbol]["maxntid"] or (0, 1, 1)
        used = usage[symbol]
        kernels.append(
            Kernel(
                arch, symbol, name, shape[0] * shape[1] * shape[2],
                used.reg, used.stack + used.local, used.shared, instructions.get(symbol, []),
            )
        )
    return kernels


def read_kernels(tools: Toolkit, file: Path, arch: str = "*") -> list[Kernel]:
    """All kernels in `file`, of all architectures or of one, in a fixed order."""
    with tempfile.TemporaryDirectory() as folder:
        tools.run(tools.cuobjdump, "-xelf", "all", file.resolve(), cwd=folder)
        # The largest first, that no processor is left with it in the end.
        cubins = sorted(Path(folder).glob(f"*.{arch}.cubin"), key=lambda cubin: -cubin.stat().st_size)
        with concurrent.futures.ThreadPoolExecutor(PROCESSES) as pool:
            found = pool.map(lambda cubin: _read_cubin(tools, cubin), cubins)
            return sorted((kernel for part in found for kernel in part), key=lambda k: (k.arch, k.name))


_LAUNCH = re.compile(r"LaunchShared<&\((.*)\), (\d+)ul?l?[,>]")


def shared_sizes(tools: Toolkit, file: Path) -> dict[str, int]:
    """Dynamic shared memory by kernel, of those that ask for it at compile time: each has a static
    variable in its instance of LaunchShared (cuda-kernels/launch.cuh), whose name gives the size."""
    sizes = {}
    for line in tools.run("nm", "-C", file).splitlines():
        launch = _LAUNCH.search(line)
        if launch and line.endswith("::allowed"):
            sizes[short_name(launch[1])] = int(launch[2])
    return sizes
