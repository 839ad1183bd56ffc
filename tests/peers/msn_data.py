"""The data of the training run in README.md: which questions are asked, and which of the model's answers
are learnt.

  python3 tests/peers/msn_data.py ask FOLDER > questions.jsonl
  ./jangle distill -m smollm2 --data questions.jsonl --out own-words.jsonl --max-tokens 320 --unfinished cut
  python3 tests/peers/msn_data.py split own-words.jsonl

FOLDER holds public sets, one file each (SETS), a conversation a line: {"messages":
[{"role": "user", "content": ...}, ...]}. `split` writes train.jsonl and held-out.jsonl beside the
answers. The sets: t0 and seed_tasks of yizhongw/self-instruct (Apache-2.0), gsm8k of
openai/grade-school-math (MIT), mbpp (CC BY 4.0; tasks 1-10 and 511-974), and functions of
TheAlgorithms/Python (MIT) turned into "write this function".
"""

import json
import random
import sys
from pathlib import Path

# File, longest question in characters, share of the questions, questions held out.
SETS = (
    ("t0", 900, 0.46, 24),
    ("gsm8k", 600, 0.34, 24),
    ("mbpp", 600, 0.08, 8),
    ("algorithms_python", 300, 0.04, 8),
    ("seed_tasks", 900, 0.08, 8),
)
POOL = 2200  # questions that the shares are of
ASKED = 1015  # of them, the held-out ones first
HELD_OUT = sum(held for _, _, _, held in SETS)
SHORTEST = 120  # characters of an answer that is learnt


def ask(folder: Path) -> None:
    random.seed(7)
    sets = []
    for name, longest, share, held in SETS:
        rows = [json.loads(line)["messages"][:2] for line in (folder / f"{name}.jsonl").open()]
        rows = [row for row in rows if len(row[0]["content"]) <= longest]
        random.shuffle(rows)
        sets.append((rows[:held], rows[held:][: int(POOL * share)]))
    learnt = [row for _, rows in sets for row in rows]
    random.shuffle(learnt)
    held_out = [row for rows, _ in sets for row in rows]
    for row in (held_out + learnt)[:ASKED]:
        print(json.dumps({"messages": row}))


def split(answers: Path) -> None:
    questions = [json.loads(line) for line in answers.with_name("questions.jsonl").open()]
    held_out = {row["messages"][0]["content"] for row in questions[:HELD_OUT]}
    rows = {}
    for line in answers.open():
        rows.setdefault(json.loads(line)["messages"][0]["content"], line)
    train, held = [], []
    for question, line in rows.items():
        if question in held_out:
            held.append(line)
        elif len(json.loads(line)["messages"][-1]["content"]) >= SHORTEST:
            train.append(line)
    answers.with_name("train.jsonl").write_text("".join(train))
    answers.with_name("held-out.jsonl").write_text("".join(held))
    print(f"{len(train)} to learn, {len(held)} held out", file=sys.stderr)


if __name__ == "__main__":
    commands = {"ask": ask, "split": split}
    if len(sys.argv) != 3 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](Path(sys.argv[2]))
