"""What Jangle exports, in the hands of transformers, PEFT and llama.cpp.

  python3 tests/peers/export.py [--jangle COMMAND] [--model MODEL] [--only PART]

Exports MODEL (default: the pulled smollm2) and the tiny models of tests/core/resources, and prints a
line for each comparison; the exit code is 1 where one failed. Timing plays no part.
"""

import argparse
import hashlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

try:
    from llama_cpp import Llama
except ModuleNotFoundError:
    Llama = None

ROOT = Path(__file__).resolve().parents[2]
RESOURCES = ROOT / "tests" / "core" / "resources"
TINY = ["gguf_f32", "gguf_q8_0", "gguf_q4_1", "gguf_llama3_f16", "gguf_qwen2_f16", "gguf_qwen3_f16"]
ADAPTERS = {"llama3_f32": "llama3", "qwen2_rslora_bf16": "qwen2", "mistral_some_f16": "mistral"}
PROMPTS = [
    "The capital of France is",
    "def fibonacci(n):\n",
    "Once upon a time there was a 12-year-old",
    "Die drei größten Städte Deutschlands sind",
]
TOKENS = 48
ULP = 2.0**-23


class Report:
    def __init__(self):
        self.failed = 0

    def line(self, ok, what, detail=""):
        self.failed += not ok
        print(f"{'ok    ' if ok else 'FAILED'} {what}{': ' if detail else ''}{detail}", flush=True)


class Jangle:
    def __init__(self, command, folder):
        self.command = shlex.split(command)
        self.folder = folder
        self.count = 0

    def run(self, *arguments):
        line = [*self.command, *map(str, arguments)]
        return subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True).stdout

    def export(self, model, to, form, adapter=None):
        self.count += 1
        out = self.folder / f"{self.count}{'.gguf' if to == 'gguf' else ''}"
        more = ["--adapter", adapter] if adapter else []
        self.run("export", "-m", model, *more, "--to", to, "--format", form, out)
        return out

    def text(self, model, prompt, *more):
        options = ["--decoding", "plain", "--raw", "--json", "--max-tokens", TOKENS, "--kv", "f32"]
        return json.loads(self.run("generate", "-m", model, *more, *options, prompt))["text"]


def load(folder, dtype=torch.float32):
    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation="eager"
    ).eval()


def logits(model, ids):
    with torch.no_grad():
        return model(torch.tensor([ids]), use_cache=False).logits[0].double().numpy()


def greedy(model, ids, count):
    with torch.no_grad():
        out = model.generate(
            torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            max_new_tokens=count,
            do_sample=False,
        )
    return out[0, len(ids) :].tolist()


def tiny_folders(jangle, report):
    """transformers on the exported folder against the float64 logits of the fixture: twice the error
    that transformers itself made in float32 on the same weights, plus 4 ulp of the largest logit."""
    for name in TINY:
        folder = RESOURCES / "models" / name
        expected = json.loads((folder / "expected.json").read_text())
        exact = np.fromfile(folder / "logits64.bin", "<f4").reshape(expected["logits"]["shape"])
        exported = jangle.export(folder / "model.gguf", "hf", "f32")
        model = load(exported)
        error = np.abs(logits(model, expected["input_ids"]) - exact).max()
        bound = 2 * expected["naive_error"]["f32"]["largest"] + 4 * ULP * expected["largest_logit"]
        report.line(error <= bound, f"transformers, {name}", f"error {error:.1e} of {bound:.1e}")
        tokenizer = AutoTokenizer.from_pretrained(exported)
        prompt = tokenizer.decode(expected["input_ids"][:8])
        report.line(
            tokenizer.encode(prompt, add_special_tokens=False) is not None
            and len(tokenizer) == model.config.vocab_size,
            f"transformers' tokenizer, {name}",
        )


def tiny_adapters(jangle, report):
    """A model that Jangle merged against the same merged by PEFT, both by transformers."""
    for name, base in ADAPTERS.items():
        adapter = RESOURCES / "adapters" / name
        model = RESOURCES / "models" / base
        expected = json.loads((adapter / "expected.json").read_text())
        exact = np.fromfile(adapter / "logits64.bin", "<f4").reshape(expected["logits"]["shape"])
        merged = load(jangle.export(model, "hf", "f32", adapter))
        error = np.abs(logits(merged, expected["input_ids"]) - exact).max()
        bound = 2 * expected["naive_error"]["f32"]["largest"] + 4 * ULP * expected["largest_logit"]
        report.line(error <= bound, f"PEFT, {name}", f"error {error:.1e} of {bound:.1e}")


def tiny_files(jangle, report):
    """llama.cpp's greedy tokens on exported files against those of the fixture, whose gaps are far
    above the error of float32."""
    for name in ["gguf_f32", "gguf_llama3_f16", "gguf_qwen2_f16", "gguf_qwen3_f16"]:
        folder = RESOURCES / "models" / name
        expected = json.loads((folder / "expected.json").read_text())
        hf = jangle.export(folder / "model.gguf", "hf", "f32")
        for source, what in ((folder / "model.gguf", "from GGUF"), (hf, "from a folder")):
            file = jangle.export(source, "gguf", "f32")
            llama = Llama(str(file), n_ctx=256, n_threads=2, verbose=False, type_k=0, type_v=0)
            found = []
            for token in llama.generate(expected["input_ids"], temp=0):
                found.append(token)
                if len(found) == len(expected["greedy_ids"]):
                    break
            same = sum(a == b for a, b in zip(found, expected["greedy_ids"], strict=True))
            report.line(
                found == expected["greedy_ids"],
                f"llama.cpp, {name} {what}",
                f"{same} of {len(found)} tokens",
            )


def real_folder(jangle, report, model):
    """Greedy tokens of transformers on the exported folder, and its tokenizer and chat template, against
    what transformers made of the original file (tests/fixtures/smollm2)."""
    folder = jangle.export(model, "hf", "f32")
    stored = json.loads((RESOURCES / "smollm2" / "continuations.json").read_text())
    questions = (ROOT / "tests" / "fixtures" / "smollm2" / "prompts.jsonl").read_text().splitlines()
    texts = [json.loads(line)["turns"][0] for line in questions]
    by_hash = {hashlib.sha256(text.encode()).hexdigest(): text for text in texts}
    tokenizer = AutoTokenizer.from_pretrained(folder)
    loaded = load(folder)
    same_ids, same_text, total = 0, 0, 0
    for one in stored["continuations"]:
        text = by_hash[one["prompt_sha256"]]
        messages = [{"role": "user", "content": text}]
        ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True)
        same_ids += list(ids["input_ids"]) == one["prompt_ids"]
        total += 1
        if total <= 5:
            found = greedy(loaded, one["prompt_ids"], 32)
            same_text += found == one["greedy_ids"][: len(found)]
    report.line(same_ids == total, "transformers' chat template", f"{same_ids} of {total} prompts")
    report.line(same_text == 5, "transformers' greedy tokens", f"{same_text} of 5 prompts")
    return folder


def real_adapter(jangle, report, base, folder):
    """PEFT on the exported folder with an adapter of its own, against the model that Jangle merged:
    within 4 times the error of PEFT's float32 against its float64. And Jangle's own greedy text."""
    adapter = folder / "adapter"
    torch.manual_seed(7)
    options = LoraConfig(task_type="CAUSAL_LM", r=8, lora_alpha=16, target_modules="all-linear")
    made = get_peft_model(load(base), options)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.02)
    made.save_pretrained(adapter)
    tokenizer = AutoTokenizer.from_pretrained(base)
    ids = tokenizer.encode(PROMPTS[0] + " Paris. The capital of Italy is Rome, and that of")
    peft = PeftModel.from_pretrained(load(base), adapter).eval()
    single = logits(peft, ids)
    double = logits(PeftModel.from_pretrained(load(base, torch.float64), adapter).eval(), ids)
    merged = load(jangle.export(base, "hf", "f32", adapter))
    error = np.abs(logits(merged, ids) - double).max()
    bound = 4 * np.abs(single - double).max() + 4 * ULP * np.abs(double).max()
    plain = np.abs(logits(load(base), ids) - double).max()
    report.line(
        error <= bound, "PEFT on smollm2", f"error {error:.1e} of {bound:.1e}; without it {plain:.1e}"
    )
    for prompt in PROMPTS[:2]:
        found = greedy(peft, tokenizer.encode(prompt), TOKENS)
        text = tokenizer.decode(found, skip_special_tokens=True)
        report.line(
            text == jangle.text(base, prompt, "--adapter", adapter), f"PEFT's text, {prompt!r}"
        )


def real_files(jangle, report, model, base):
    """llama.cpp's greedy text on exported files against Jangle's on the same files. Both round the
    inputs of products with 8 and 4 bits, and add up in another order, so a text may part from the other
    where two tokens are nearly as likely: told, and counted as a failure for F32 only."""
    for form in ("f32", "bf16", "q8_0", "q4_0"):
        for source, what in ((model, "from GGUF"), (base, "from a folder")):
            file = jangle.export(source, "gguf", form)
            llama = Llama(str(file), n_ctx=512, n_threads=2, verbose=False, type_k=0, type_v=0)
            same, parts = 0, []
            for prompt in PROMPTS:
                theirs = llama.create_completion(prompt, max_tokens=TOKENS, temperature=0)
                theirs = theirs["choices"][0]["text"]
                ours = jangle.text(file, prompt)
                same += ours == theirs
                if ours != theirs:
                    parts.append(len(os.path.commonprefix([ours, theirs])))
            detail = f"{same} of {len(PROMPTS)} texts"
            if parts:
                detail += f"; the others part after {parts} characters"
            report.line(same == len(PROMPTS) or form != "f32", f"llama.cpp, {form} {what}", detail)
            file.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jangle", default=str(ROOT / "jangle"), help="default: %(default)s")
    parser.add_argument("--model", default="smollm2", help="default: %(default)s")
    parser.add_argument("--only", choices=["tiny", "real"], help="one half")
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    report = Report()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        jangle = Jangle(arguments.jangle, folder)
        if arguments.only != "real":
            tiny_folders(jangle, report)
            tiny_adapters(jangle, report)
            if Llama:
                tiny_files(jangle, report)
        if arguments.only != "tiny":
            base = real_folder(jangle, report, arguments.model)
            real_adapter(jangle, report, base, folder)
            if Llama:
                real_files(jangle, report, arguments.model, base)
    if not Llama:
        print("left out: the comparisons with llama.cpp; llama-cpp-python is not installed")
    sys.exit(1 if report.failed else 0)


if __name__ == "__main__":
    main()
