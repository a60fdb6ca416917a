"""The whole training step beside a plain loop, Liger and TRL: tokens a second, multiples of the ideal, memory.

    python benchmarks/step.py [ROW ...] [--peers PYTHON] [--steps 12] [--threads 1] [--variants ours,plain,...]

One pair, one text, one batch and as many steps for each variant; each is a process of its own. The ideal step are the
products that no exact method avoids, `N (2 P_teacher + 6 P_student + 2 V (Ht + 3 Hs))` for N tokens, at the rate of
2048-wide float32 products in the same process. Times are processor time, the median step after the first three: on a
busy machine the clock on the wall measures the others. Memory is the process's own at its most, without what it had
before the models were loaded. TRL 1.16 and Liger 0.8.5 are taken from the interpreter in `--peers` and left out, with
a line, where they are not installed. Where ours is `cached`, the teacher is asked beforehand, once for all passes over
the text (`sad cache`, its 64 likeliest tokens and the mass of the rest): the step has no teacher, and what asking took
is told. Everything is made on the spot, from Python's own sources: nothing is loaded from
a hub.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
OURS: dict[str, dict[str, Any]] = {
    "ours": {},
    "ours, labels too": {"lm": True},
    "ours, bf16": {"precision": "bf16"},
    "ours, compiled": {"compile": True},
    "ours, bf16, compiled": {"precision": "bf16", "compile": True},
    "ours, cached": {"k": 64},
    "ours, bf16, cached": {"precision": "bf16", "k": 64},
}
ONE_TOKENIZER = ("plain", "plain, bf16", "liger", "trl gkd", "trl gold")
TWO_TOKENIZERS = ("trl gold uld", "trl gold hybrid")


def rows() -> dict[str, dict[str, Any]]:
    """Return the pairs by name: vocabularies, and whether the texts fill their windows."""
    return {
        "8k": {"teacher_vocabulary": 8_192, "student_vocabulary": 8_192, "full": True},
        "49k": {"teacher_vocabulary": 49_152, "student_vocabulary": 49_152, "full": True},
        "49k, texts as they come": {"teacher_vocabulary": 49_152, "student_vocabulary": 49_152, "full": False},
        "two tokenizers": {"teacher_vocabulary": 49_152, "student_vocabulary": 32_768, "full": True},
    }


def child(variant: str, row: dict[str, Any], options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run one variant in a process of its own. Returns its numbers, or its last words as ``error``."""
    needs_peer = variant.startswith(("trl", "liger"))
    told = json.dumps({**row, "variant": variant, "steps": options.steps, "folder": str(folder)})
    threads = {key: str(options.threads) for key in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    offline = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "TRL_EXPERIMENTAL_SILENCE": "1"}
    environment = os.environ | threads | offline | {"PYTHONPATH": f"{ROOT}:{ROOT / 'benchmarks'}"}
    script = ROOT / "benchmarks" / "side_by_side" / "child.py"
    command = [options.peers if needs_peer else sys.executable, str(script), told]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder)
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["?"])[-1]}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", choices=[*rows(), []], default=list(rows()))
    parser.add_argument("--peers", default=sys.executable, help="a Python that has trl and liger-kernel")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--variants", help="only these, with a semicolon between them")
    parser.add_argument("--keep", help="a folder for the pairs, which the next call then finds")
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {options.threads} thread")
    print("| row | variant | tokens/s | x ideal | rate, GFLOP/s | step, s | real | peak, MiB | where the time goes |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(options.keep or made).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        for name in options.rows:
            row = rows()[name]
            cross = row["teacher_vocabulary"] != row["student_vocabulary"]
            every = (*OURS, *(TWO_TOKENIZERS if cross else ONE_TOKENIZER))
            for variant in options.variants.split(";") if options.variants else every:
                given = {**row, "name": name.split(",")[0], **OURS.get(variant, {})}
                got = child(variant, given, options, folder)
                if "error" in got:
                    print(f"| {name} | {variant} | {got['error']} |", flush=True)
                    continue
                cells = [f"{got['rate']:,.0f}", f"{got['ideal']:.2f}", f"{got['gflops']:.0f}", f"{got['step']:.3f}"]
                cells += [f"{got['real']:.1%}", f"{got['peak'] / 2**20:,.0f}", got["split"]]
                print(f"| {name} | {variant} {got['version']} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
