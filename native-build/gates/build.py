"""What the commands of the gates share: their arguments, the tools and the library of a build, their exit."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from cubins import MissingTool, Toolkit
from expectations import BadTable

ROOT = Path(__file__).resolve().parents[2]


def arguments(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build/default", help="the build's folder")
    parser.add_argument("--library", type=Path, help="the file to read; the build's libjangle_cuda.so")
    return parser


def cached(build: Path, name: str) -> str:
    """A value of the build's CMake cache."""
    cache = build / "CMakeCache.txt"
    found = re.search(rf"^{name}(?::\w+)?=(.*)$", cache.read_text(), re.M) if cache.exists() else None
    return found[1] if found else ""


def toolkit(args: argparse.Namespace) -> tuple[Toolkit, Path]:
    """The tools and the library of a build."""
    cuobjdump = cached(args.build, "JANGLE_CUOBJDUMP")
    library = args.library or args.build / "lib/libjangle_cuda.so"
    if not cuobjdump or not library.exists():
        raise MissingTool(f"{args.build} holds no build with -DJANGLE_CUDA=ON and its {library.name}")
    return Toolkit(Path(cuobjdump)), library


def run(command: Callable[[], int]) -> int:
    """The exit status of a command; 2 with the reason if something is missing that it needs."""
    try:
        return command()
    except (MissingTool, BadTable, KeyError) as error:
        print(error.args[0], file=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(f"{' '.join(map(str, error.cmd))} failed: {error.stderr}", file=sys.stderr)
    return 2
