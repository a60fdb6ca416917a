"""Logs of a loop in one file: dated lines, a tracker's rows, Lightning's table, a bar with the total alone."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

from planted.columns import Rows
from planted.record import Record
from sad_doctor import names

_ROWS = {
    names.LOSS: "train/total_loss",
    names.RAW + "kd": "train/kl_loss",
    names.RAW + "lm": "train/ce_loss",
    names.RAW + "layerwise": "train/hidden_mse",
    names.LEARNING_RATE: "optim/lr",
    names.GRAD_NORM: "optim/grad_norm",
    names.TOKENS_PER_SECOND: "perf/tokens_per_sec",
    names.MEMORY: "perf/memory_bytes",
    names.EVAL_LOSS: "val/total_loss",
    names.EVAL_LM_LOSS: "val/ce_loss",
    names.EVAL_PERPLEXITY: "val/ppl",
    names.EPOCH: "epoch",
}
_TABLE = {
    names.LOSS: "train_loss",
    names.RAW + "kd": "train_kd_loss",
    names.RAW + "lm": "train_ce_loss",
    names.RAW + "layerwise": "train_feat_loss",
    names.LEARNING_RATE: "lr-AdamW",
    names.EVAL_LOSS: "val_loss",
    names.EVAL_LM_LOSS: "val_ce_loss",
    names.EVAL_PERPLEXITY: "val_perplexity",
    names.EPOCH: "epoch",
}
_LINE = {names.RAW + "kd": "kl", names.RAW + "lm": "ce", names.RAW + "layerwise": "feat_loss"}


def tracked(path: Path, _: Record, rows: Rows) -> Path:
    """One object a row, as a tracker exports them."""
    told = [
        {"_step": step, "_runtime": round(clock, 2), **{_ROWS[k]: v for k, v in row.items() if k in _ROWS}}
        for step, clock, row in rows
    ]
    path = path.with_suffix(".jsonl")
    path.write_text("".join(json.dumps(row) + "\n" for row in told))
    return path


def lightning(path: Path, _: Record, rows: Rows) -> Path:
    """A sparse table: a training's row, an evaluation's row, blanks between."""
    columns = list(dict.fromkeys(_TABLE[name] for _, _, row in rows for name in row if name in _TABLE))
    path = path.with_suffix(".csv")
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, "step"])
        for step, _clock, row in rows:
            cells = {_TABLE[k]: repr(v) for k, v in row.items() if k in _TABLE}
            writer.writerow([*(cells.get(column, "") for column in columns), step])
    return path


def dated(path: Path, record: Record, rows: Rows) -> Path:
    """What Python's logging prints: a date, a level, names and numbers side by side."""
    total, lines = record.plan.steps, ["2026-03-04 10:00:00,001 INFO distill: student 0.1M, teacher 0.2M parameters"]
    for step, clock, row in rows:
        seconds = int(clock)
        head = f"2026-03-04 {10 + seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d},120 INFO distill:"
        if names.LOSS in row:
            parts = "  ".join(f"{word} {row[name]:.4f}" for name, word in _LINE.items() if name in row)
            more = f"  gnorm {row[names.GRAD_NORM]:.3f}" if names.GRAD_NORM in row else ""
            more += f"  tok/s {row[names.TOKENS_PER_SECOND]:.0f}" if names.TOKENS_PER_SECOND in row else ""
            more += f"  mem {row[names.MEMORY] / 1e9:.2f}GB" if names.MEMORY in row else ""
            rate = f"{row[names.LEARNING_RATE]:.2e}"
            lines.append(f"{head} iter {step}/{total}  loss {row[names.LOSS]:.4f}  {parts}  lr {rate}{more}")
        if names.EVAL_LOSS in row:
            ppl = f", ppl {row[names.EVAL_PERPLEXITY]:.2f}" if names.EVAL_PERPLEXITY in row else ""
            lines.append(f"{head} validation: iter {step}/{total}, loss {row[names.EVAL_LOSS]:.4f}{ppl}")
    lines.append(record.traceback)
    path = path.with_suffix(".log")
    path.write_text("\n".join(lines) + "\n")
    return path


def bar(path: Path, record: Record, rows: Rows) -> Path:
    """A progress bar with the total and the rate beside it, and a line for each evaluation."""
    total, text = record.plan.steps, ""
    for step, _, row in rows:
        if names.LOSS in row:
            shown = "nan" if math.isnan(row[names.LOSS]) else f"{row[names.LOSS]:.3f}"
            values = f"loss={shown}, lr={row[names.LEARNING_RATE]:.2e}"
            text += f"\rdistilling: {100 * step // total:3d}%|##   | {step}/{total} [00:10<00:20,  4.03it/s, {values}]"
        if names.EVAL_LOSS in row:
            text += f"\nstep {step}: val loss {row[names.EVAL_LOSS]:.4f}\n"
    path = path.with_suffix(".txt")
    path.write_text(f"{text}\n{record.traceback}")
    return path


LOGS = (("tracked", "raw"), ("lightning", "raw, no norm"), ("dated", "raw"), ("bar", "total"))
"""The logs that are written of every run of this loop: a format, and which columns."""
