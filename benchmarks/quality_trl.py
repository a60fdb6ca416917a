"""Hands a pair to a trainer of TRL's in another Python, and scores what it made with our own evaluation."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from quality_runs import Run
from safetensors.torch import load_model

from sad.data import collate
from sad.evaluate import evaluate
from sad.train.parts import make_parts
from sad.train.plan import Plan

PEER = Path(__file__).with_name("quality_peer.py")


def missing(python: str | None) -> str | None:
    """Say why a Python cannot run TRL; None if it can."""
    if python is None:
        return "no --peer-python was given"
    try:
        found = subprocess.run([python, "-c", "import trl, datasets"], capture_output=True, text=True, check=False)
    except OSError as error:
        return f"{python}: {error.strerror}"
    return None if not found.returncode else f"{python} cannot import trl"


def trl(python: str, plan: Plan, pair: str, variant: str, seed: int, steps: int) -> Run:
    """Train the plan's student by TRL and score it. Raises RuntimeError with TRL's last line."""
    readers, student = plan.pair.readers, plan.pair.student
    trainer = "gkd" if plan.pair.vocab.identity else "gold"
    with TemporaryDirectory() as made:
        folder = Path(made)
        for name, model, reader in (
            ("teacher", plan.pair.teacher, readers.teacher),
            ("student", student, readers.student),
        ):
            model.save_pretrained(folder / name)  # type: ignore[operator]
            reader.tokenizer.save_pretrained(folder / name)
        decode = readers.student.tokenizer.decode
        texts = [decode(example.student, skip_special_tokens=True) for example in plan.train]
        (folder / "texts.json").write_text(json.dumps(texts))
        recipe = plan.recipe.train
        asked = {"trainer": trainer, "steps": steps, "seed": seed, "batch": recipe.batch_size, "warmup": recipe.warmup}
        asked |= {"rate": recipe.learning_rate, "longest": 2 * plan.recipe.data.max_length}
        (folder / "asked.json").write_text(json.dumps(asked))
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(
            [python, str(PEER), made], capture_output=True, text=True, check=False, env=environment, cwd=made
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith("SECONDS ")]
        if done.returncode or not lines:
            raise RuntimeError(f"TRL's {trainer} ended with: {(done.stderr.strip() or '?').splitlines()[-1]}")
        load_model(student, folder / "trained" / "model.safetensors")
    accelerator, distiller, _, objective = make_parts(plan)
    with accelerator.autocast():
        scores = evaluate(distiller, (collate([one], readers) for one in plan.held_out), objective)
    return Run(pair, variant, seed, steps, scores.likelihood.bits_per_byte, float(lines[0].split()[1]))
