"""Training throughput of Jangle and of PyTorch on the same cores, in turns: tokens/s of SmolLM2-135M.

  python3 tests/peers/train.py [--jangle COMMAND] [--model MODEL] [--mode lora|full] [--rounds N]

Both train in float32 on the same rows of 512 tokens, one row a step, every token learnt, with the
same adapters (rank 16 on all linear layers) or all weights, and AdamW. Medians over the steps of all
rounds but each round's first. Prints a line for each and the ratio (above 1: Jangle is faster).
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = Path(__file__).resolve().parents[2]
LENGTH = 512
STEPS = 5  # of a round; the first is left out
RANK, ALPHA = 16, 32
MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def write_data(path: Path) -> list[str]:
    """Texts of more than a row each: sentences of changing numbers."""
    texts = [
        " ".join(f"Item {i * 97 + j} costs {(i + 3) * j % 1009} and weighs {j * j % 83}." for j in range(80))
        for i in range(STEPS)
    ]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return texts


def run_jangle(command: list[str], model: str, mode: str, threads: int, data: Path, out: Path) -> list[float]:
    line = [*command, "train", "-m", model, "--data", data, "--out", out, "--noise", "none"]
    line += ["--rows", 1, "--length", LENGTH, "--steps", STEPS, "--checkpoint-every", 1000]
    line += ["--backend", "cpu", "--threads", threads]
    line += ["--full"] if mode == "full" else ["--rank", RANK, "--alpha", ALPHA]
    subprocess.run(list(map(str, line)), check=True, stderr=subprocess.DEVNULL)
    steps = [json.loads(row) for row in (out / "log.jsonl").read_text().splitlines()]
    if any(step["tokens"] != LENGTH for step in steps):
        raise SystemExit(f"rows of {[step['tokens'] for step in steps]} tokens, not {LENGTH}")
    return [step["tokens_per_second"] for step in steps[1:]]


def load(folder: Path, mode: str):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if mode == "lora":
        model = get_peft_model(model, LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=MODULES))
    return model.train()


def run_pytorch(model, rows: list[torch.Tensor]) -> list[float]:
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-5)
    speeds = []
    for row in rows:
        start = time.perf_counter()
        optimizer.zero_grad()
        model(input_ids=row[:, :-1], labels=row[:, 1:], shift_labels=row[:, 1:]).loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        speeds.append(LENGTH / (time.perf_counter() - start))
    return speeds[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jangle", default=shlex.quote(str(ROOT / "jangle")))
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--mode", choices=["lora", "full"], default="lora")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    command = shlex.split(options.jangle)
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = write_data(folder / "data.jsonl")
        hf = folder / "hf"
        export = [*command, "export", "-m", options.model, "--to", "hf", "--format", "f32", str(hf)]
        subprocess.run(export, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        tokenizer = AutoTokenizer.from_pretrained(hf)
        rows = [torch.tensor([tokenizer(text).input_ids[: LENGTH + 1]]) for text in texts]
        model = load(hf, options.mode)
        for turn in range(options.rounds):
            out = folder / f"run{turn}"
            ours += run_jangle(command, options.model, options.mode, options.threads, folder / "data.jsonl", out)
            theirs += run_pytorch(model, rows)
    print(f"{options.mode}, {options.threads} threads, rows of {LENGTH} tokens, {options.rounds} rounds")
    for who, speeds in (("Jangle", ours), (f"PyTorch {torch.__version__}", theirs)):
        print(f"{who:<16} {statistics.median(speeds):7.1f} tokens/s ({min(speeds):.1f} to {max(speeds):.1f})")
    print(f"ratio            {statistics.median(ours) / statistics.median(theirs):7.2f}")


if __name__ == "__main__":
    main()
