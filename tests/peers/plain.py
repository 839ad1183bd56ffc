"""Builds llama.cpp, writes SmolLM2 in four formats, compares plain decoding with Jangle's."""

import argparse
import datetime
import json
import shlex
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import gguf_formats

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "fixtures" / "smollm2"))
import smollm2  # noqa: E402

PACKAGE = "llama-cpp-python"
VERSION = "0.3.36"
TARGETS = ("llama-bench", "llama-lookup", "llama-lookahead", "llama-quantize")
CMAKE_OPTIONS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DGGML_NATIVE=ON",
    "-DLLAMA_BUILD_SERVER=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_OPENSSL=OFF",
)
FORMATS = ("f32", "bf16", "q8_0", "q4_0")
ROWS = (1, 2, 4, 8, 16, 32, 64)
GENERATED = 64  # tokens of one plain decoding run
REPEATS = 3  # of each T(m) within a round
JANGLE = (
    shlex.quote(f"{ROOT}/jangle")
    + " bench -m {model} --threads {threads} --questions 3 --max-tokens 64 --json"
)


def run(command: list[str]) -> str:
    """Runs a command and returns what it printed; ends the program with the command's own words."""
    try:
        done = subprocess.run(command, text=True, capture_output=True)
    except FileNotFoundError:
        raise SystemExit(
            f"{command[0]}: not found; see README.md for what to build first"
        ) from None
    if done.returncode != 0:
        raise SystemExit(f"failed: {shlex.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def source(folder: Path) -> Path:
    """The llama.cpp tree inside the source package, unpacked in `folder`."""
    tree = folder / f"llama_cpp_python-{VERSION}" / "vendor" / "llama.cpp"
    if not tree.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", PACKAGE]
        run([*pip, "--dest", str(folder), f"{PACKAGE}=={VERSION}"])
        with tarfile.open(folder / f"llama_cpp_python-{VERSION}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
    return tree


def build(folder: Path, jobs: int) -> None:
    """Builds the programs into folder/build/bin, for this very processor."""
    tree = source(folder / "src")
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    target = str(folder / "build")
    run(["cmake", *generator, "-S", str(tree), "-B", target, *CMAKE_OPTIONS])
    command = ["cmake", "--build", target, "-j", str(jobs), "--target", *TARGETS]
    subprocess.run(command, check=True)


def make_models(folder: Path) -> None:
    """Writes smollm2-FORMAT.gguf into folder/models, from the package's Q4_1 file."""
    models = folder / "models"
    original = smollm2.model_file(models)
    for name in FORMATS:
        target = models / f"smollm2-{name}.gguf"
        if not target.exists():
            partial = target.with_suffix(".partial")
            gguf_formats.rewrite(original, partial, name)
            partial.rename(target)
        print(f"{target}: {target.stat().st_size} bytes")


def llama_bench(folder: Path, model: Path, threads: int, *options: str) -> dict:
    """One llama-bench test, as its JSON object."""
    program = str(folder / "build" / "bin" / "llama-bench")
    command = [program, "-m", str(model), "-t", str(threads), *options, "-o", "json"]
    return json.loads(run(command))[0]


def llama_plain(folder: Path, model: Path, threads: int) -> tuple[float, str]:
    """Tokens per second of plain decoding from an empty context, and the commit that was built."""
    options = ("-p", "0", "-n", str(GENERATED), "-r", "1")
    result = llama_bench(folder, model, threads, *options)
    return result["avg_ts"], result["build_commit"]


def llama_rows(folder: Path, model: Path, threads: int, rows: int) -> float:
    """Milliseconds of one forward pass over `rows` tokens (LM head of the last row only)."""
    count = str(rows)
    options = ("-p", count, "-n", "0", "-b", count, "-ub", count, "-r", str(REPEATS))
    result = llama_bench(folder, model, threads, *options)
    return statistics.median(result["samples_ns"]) / 1e6


def jangle(template: str, model: Path, threads: int) -> dict:
    """Runs Jangle's command; its JSON is read from the file {json}, or else from what it prints."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "bench.json"
        values = {"model": model, "threads": threads, "json": report}
        printed = run([part.format(**values) for part in shlex.split(template)])
        text = report.read_text(encoding="utf-8") if "{json}" in template else printed
    result = json.loads(text)
    if "plain_tokens_per_s" not in result:
        raise SystemExit(f"no plain_tokens_per_s in Jangle's JSON: it has {sorted(result)}")
    return result


def measure(arguments, name: str) -> dict:
    """All rounds of one format, the two programs taking turns."""
    model = arguments.dir / "models" / f"smollm2-{name}.gguf"
    found = {"llama": [], "jangle": [], "llama_rows": {}, "jangle_rows": {}}
    for _ in range(arguments.rounds):
        speed, found["commit"] = llama_plain(arguments.dir, model, arguments.threads)
        found["llama"].append(speed)
        result = jangle(arguments.jangle, model, arguments.threads)
        found["jangle"].append(result["plain_tokens_per_s"])
        for entry in result.get("t_of_m", []):
            found["jangle_rows"].setdefault(entry["rows"], []).append(entry["ms"])
        for rows in arguments.rows:
            time = llama_rows(arguments.dir, model, arguments.threads, rows)
            found["llama_rows"].setdefault(rows, []).append(time)
    return found


def processor() -> str:
    """Name, family and model of the processor, its instruction set and how many cores are seen."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    pairs = dict(line.split(":", 1) for line in lines if ":" in line)
    facts = {key.strip(): text.strip() for key, text in pairs.items()}
    flags = facts["flags"].split()
    vector = "no avx2"
    if "avx2" in flags:
        vector = "avx2"
    if "avx512f" in flags:
        extras = [extra for extra in ("avx512_vnni", "avx512_bf16") if extra in flags]
        vector = " ".join(["avx512", *extras])
    cores = sum(line.startswith("processor") for line in lines)
    kind = f"family {facts['cpu family']} model {facts['model']}"
    return f"{facts['model name']} ({kind}), {vector}, {cores} cores"


def jangle_version() -> str:
    """The commit of this working tree, with -dirty where files differ from it."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    done = subprocess.run(command, text=True, capture_output=True)
    return done.stdout.strip() or "of an unknown version"


def cell(values: list[float], digits: int) -> str:
    """Median and, in brackets, smallest and largest."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def print_report(arguments, results: dict[str, dict]) -> None:
    """Markdown: what was measured where, plain decoding, then T(m)."""
    commit = next(iter(results.values()))["commit"]
    print(f"- {datetime.date.today()}, {processor()}, {arguments.threads} threads")
    print(f"- llama.cpp {commit} of {PACKAGE} {VERSION}, Jangle {jangle_version()}")
    print(f"- medians (smallest-largest) of {arguments.rounds} rounds, programs taking turns\n")
    print("| format | llama.cpp, tokens/s | Jangle, tokens/s | Jangle / llama.cpp |")
    print("|---|---|---|---|")
    for name, found in results.items():
        ratio = statistics.median(found["jangle"]) / statistics.median(found["llama"])
        print(f"| {name} | {cell(found['llama'], 1)} | {cell(found['jangle'], 1)} | {ratio:.2f} |")
    print(
        "\nOne forward pass over m rows, ms. llama.cpp computes the LM head of the last row only,"
    )
    print("Jangle of every row.\n")
    print("| format | m | llama.cpp, ms | Jangle, ms | llama.cpp / Jangle |")
    print("|---|---|---|---|---|")
    for name, found in results.items():
        for rows, times in found["llama_rows"].items():
            own = found["jangle_rows"].get(rows)
            ours, ratio = "-", "-"
            if own:
                ours = cell(own, 2)
                ratio = f"{statistics.median(times) / statistics.median(own):.2f}"
            print(f"| {name} | {rows} | {cell(times, 2)} | {ours} | {ratio} |")


def compare(arguments) -> None:
    print_report(arguments, {name: measure(arguments, name) for name in arguments.formats})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=("build", "models", "compare"), help="in this order")
    parser.add_argument(
        "--dir",
        type=Path,
        default=smollm2.user_cache() / "llama_cpp",
        help="holds src, build and models; default: %(default)s",
    )
    parser.add_argument("--jobs", type=int, default=2, help="of the build, default %(default)s")
    parser.add_argument("--threads", type=int, default=2, help="of both, default %(default)s")
    parser.add_argument("--rounds", type=int, default=5, help="default %(default)s")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=FORMATS)
    parser.add_argument("--rows", nargs="*", type=int, default=ROWS, help="m of T(m)")
    parser.add_argument(
        "--jangle",
        default=JANGLE,
        help="command with {model}, {threads} and, unless it prints its JSON, {json}; "
        "default: %(default)s",
    )
    arguments = parser.parse_args()
    arguments.dir = arguments.dir.resolve()
    if arguments.step == "build":
        build(arguments.dir, arguments.jobs)
    elif arguments.step == "models":
        make_models(arguments.dir)
    else:
        compare(arguments)


if __name__ == "__main__":
    main()
