"""Writes the rows of a run as other people's programs do."""

from __future__ import annotations

import csv
import json
import math
import struct
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from planted import script_logs
from planted.columns import Rows
from planted.record import Record, Row
from sad_doctor import names
from sad_doctor.record import Recorder

_THEIRS = {
    names.LOSS: "loss",
    names.LEARNING_RATE: "lr",
    names.GRAD_NORM: "grad_norm",
    names.EVAL_LOSS: "val_loss",
    names.EVAL_PERPLEXITY: "val_ppl",
    names.EVAL_LM_LOSS: "val/lm_loss",
    names.EPOCH: "epoch",
    names.TOKENS_PER_SECOND: "tokens_per_sec",
    names.UPDATE_RATIO: "update_ratio",
}
_TERMS = {"kd": "kd_loss", "lm": "lm_loss", "layerwise": "hidden_loss"}
_HUGGING_FACE = {names.LEARNING_RATE: "learning_rate", names.EVAL_LOSS: "eval_loss", names.EVAL_PERPLEXITY: "eval_ppl"}


def theirs(name: str, other: dict[str, str] | None = None) -> str:
    """Return what a hand-written loop calls a column; the parts by their bare names where only those are logged."""
    if other and name in other:
        return other[name]
    if name in _THEIRS:
        return _THEIRS[name]
    if name.startswith((names.WEIGHTED, names.EVAL_WEIGHTED)):
        word = "" if name.startswith(names.WEIGHTED) else "val/"
        return word + _TERMS[name.rpartition("/")[2]]
    return name.removeprefix("train/")


def folder(path: Path, record: Record, rows: Rows) -> Path:
    """Our own record, with a clock that ends now."""
    end = rows[-1][1] if rows else 0.0
    now = [time.time() - end - record.silent]
    start = now[0]
    facts = {names.TOTAL_STEPS: record.plan.steps, names.VOCABULARY_SIZE: record.plan.told or record.plan.vocabulary}
    facts[names.CONFIG] = {"clip": record.plan.clip, "gradient_accumulation": record.plan.accumulation}  # type: ignore[assignment]
    told = sorted(record.events, key=lambda event: event[2])
    with patch("sad_doctor.record.time.time", lambda: now[0]):
        log = Recorder(path, facts)
        for step, clock, row in rows:
            while told and told[0][2] <= step and told[0][0] != names.EVENT_END:
                log.event(*told.pop(0))
            now[0] = start + clock
            log.log(step, row)
        for event in told:
            log.event(*event)
        log.heartbeat() if record.status == "running" else log.close(record.status)
    return path


def json_lines(path: Path, _: Record, rows: Rows) -> Path:
    """One object a row, full precision, bare NaN."""
    lines = [json.dumps({"step": step, **{theirs(k): v for k, v in row.items()}}) for step, _clock, row in rows]
    path = path.with_suffix(".jsonl")
    path.write_text("\n".join(lines) + "\n")
    return path


def table(path: Path, _: Record, rows: Rows) -> Path:
    """A sparse table, six digits; a NaN is a blank cell."""
    columns = list(dict.fromkeys(theirs(name) for _, _, row in rows for name in row))
    path = path.with_suffix(".csv")
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", *columns])
        for step, _clock, row in rows:
            cells = {theirs(name): "" if math.isnan(value) else f"{value:.6g}" for name, value in row.items()}
            writer.writerow([step, *(cells.get(column, "") for column in columns)])
    return path


def _masked(row: Row) -> Row:
    """The filter of Hugging Face's Trainer: a loss that is not finite does not count in the mean."""
    return {k: 0.0 if k == names.LOSS and not math.isfinite(v) else v for k, v in row.items()}


def trainer_state(path: Path, record: Record, rows: Rows) -> Path:
    """Hugging Face's file, as of the last save."""
    history, epoch = [], 0.0
    for step, _, row in rows:
        shown = {theirs(k, _HUGGING_FACE): v for k, v in _masked(row).items()}
        epoch = shown.get("epoch", epoch)  # an evaluation has that of the record before it
        history.append({"epoch": epoch, **shown, "step": step})
    done = rows[-1][0] if rows else 0
    path.mkdir(parents=True)
    path = path / "trainer_state.json"
    path.write_text(json.dumps({"global_step": done, "log_history": history, "max_steps": record.plan.steps}))
    return path


def _bar(step: int, total: int, values: str = "") -> str:
    done = int(10 * step / total)
    bar = "█" * done + " " * (10 - done)
    return f"\r{100 * step // total:3d}%|{bar}| {step}/{total} [00:{step % 60:02d}<01:00,  4.21it/s{values}]"


def hugging_face(path: Path, record: Record, rows: Rows, quoted: bool = True) -> Path:
    """What the Trainer prints: version 5 quotes the numbers and shows four digits."""
    total, text = record.plan.steps, _bar(0, record.plan.steps)
    mark, epoch = "'" if quoted else "", 0.0
    for step, _, row in rows:
        if step == 0:
            continue
        shown = {theirs(k, _HUGGING_FACE): v for k, v in _masked(row).items()}
        epoch = shown.setdefault("epoch", epoch)
        cells = ", ".join(f"'{key}': {mark}{value:.4g}{mark}" for key, value in shown.items())
        text += f"{_bar(step, total)}\n{{{cells}}}\n{_bar(step, total)}"
    if record.traceback:
        text += "\n" + record.traceback
    elif record.status == "finished":
        text += f"\n{{'train_runtime': {mark}61.2{mark}, 'train_loss': {mark}4.1{mark}, 'epoch': {mark}1{mark}}}\n"
    path = path.with_suffix(".log")
    path.write_text(text)
    return path


def hugging_face_4(path: Path, record: Record, rows: Rows) -> Path:
    return hugging_face(path, record, rows, quoted=False)


def blocks(path: Path, record: Record, rows: Rows) -> Path:
    """The shape of the failed runs' own console: a bar, blocks of parts, evaluations, warnings, a traceback."""
    total, lines = record.plan.steps, ["Starting training for 1 epochs"]
    told = [event for event in record.events if event[0] == names.EVENT_WARNING]
    for step, _, row in rows:
        while told and told[0][2] <= step:
            lines.append(f"[Warning] {told.pop(0)[1]}")
        if names.LOSS in row:
            values = f", loss={row[names.LOSS]:.4f}, lr={row[names.LEARNING_RATE]:.3e}, step={step}"
            lines += [
                f"\rEpoch 0: {_bar(step, total, values)[1:]}",
                "=" * 60,
                f"[TRAIN DEBUG] Step {step}, Batch {step}",
            ]
            parts = {k.removeprefix(names.WEIGHTED): v for k, v in row.items() if k.startswith(names.WEIGHTED)}
            lines += ["Raw loss components:", *(f"  {_TERMS[k]}: {v:.4f}" for k, v in parts.items())] if parts else []
            lines += [f"Total loss (outputs['loss']): {row[names.LOSS]:.4f}", "=" * 60]
        if names.EVAL_LOSS in row:
            ppl = f", ppl: {row[names.EVAL_PERPLEXITY]:.2f}" if names.EVAL_PERPLEXITY in row else ""
            lines.append(f"[Eval] loss: {row[names.EVAL_LOSS]:.4f}{ppl}")
    lines.append(record.traceback or ("Training complete" if record.status == "finished" else ""))
    path = path.with_suffix(".log")
    path.write_text("\n".join(lines) + "\n")
    return path


def tensorboard(path: Path, _: Record, rows: Rows) -> Path:
    """Event files without the library: TFRecord frames whose check sums nobody reads, scalars as simple values."""
    path.mkdir(parents=True)
    path = path / "events.out.tfevents.1700000000.host.1.0"
    with path.open("wb") as file:
        file.write(_frame(b"\x09" + struct.pack("<d", 1.7e9) + b"\x1a\x0dbrain.Event:2"))
        for step, clock, row in rows:
            for name, value in row.items():
                tag = name.encode()
                one = b"\x0a" + _varint(len(tag)) + tag + b"\x15" + _single(value)
                summary = b"\x0a" + _varint(len(one)) + one
                event = b"\x09" + struct.pack("<d", 1.7e9 + clock) + b"\x10" + _varint(step)
                file.write(_frame(event + b"\x2a" + _varint(len(summary)) + summary))
    return path.parent


def printed(path: Path, record: Record, rows: Rows) -> Path:
    """What a loop by hand prints: one line a record, one an evaluation, the parts by short names."""
    lines, said = [f"device: cpu, steps: {record.plan.steps}"], {"kd": "kd", "lm": "ce", "layerwise": "hid"}
    for step, _, row in rows:
        if names.LOSS in row:
            parts = [f"{said[k.rpartition('/')[2]]}={v:.4f}" for k, v in row.items() if k.startswith(names.WEIGHTED)]
            norm = [f"gnorm={row[names.GRAD_NORM]:.3f}"] if names.GRAD_NORM in row else []
            values = [f"loss={row[names.LOSS]:.4f}", *parts, f"lr={row[names.LEARNING_RATE]:.2e}", *norm]
            lines.append(f"step {step}/{record.plan.steps} | {' | '.join(values)}")
        if names.EVAL_LOSS in row:
            ppl = f" | ppl={row[names.EVAL_PERPLEXITY]:.2f}" if names.EVAL_PERPLEXITY in row else ""
            lines.append(f"step {step}/{record.plan.steps} | val_loss={row[names.EVAL_LOSS]:.4f}{ppl}")
    lines.append(record.traceback or ("done" if record.status == "finished" else ""))
    path = path.with_suffix(".txt")
    path.write_text("\n".join(lines) + "\n")
    return path


def _single(value: float) -> bytes:
    """As the format keeps it: what is too large for single precision becomes infinity."""
    try:
        return struct.pack("<f", value)
    except OverflowError:
        return struct.pack("<f", math.copysign(math.inf, value))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _frame(data: bytes) -> bytes:
    return struct.pack("<QI", len(data), 0) + data + struct.pack("<I", 0)


FORMATS: dict[str, Callable[[Path, Record, Rows], Path]] = {
    "folder": folder,
    "json lines": json_lines,
    "table": table,
    "trainer_state": trainer_state,
    "hugging face 5": hugging_face,
    "hugging face 4": hugging_face_4,
    "blocks": blocks,
    "tensorboard": tensorboard,
    "printed": printed,
    "tracked": script_logs.tracked,
    "lightning": script_logs.lightning,
    "dated": script_logs.dated,
    "bar": script_logs.bar,
}
LOGS = (
    ("folder", "all"),
    ("folder", "parts and norm"),
    ("json lines", "raw and weights"),
    ("json lines", "parts"),
    ("table", "parts and norm"),
    ("trainer_state", "bare"),
    ("trainer_state", "parts and norm"),
    ("hugging face 5", "bare"),
    ("hugging face 4", "parts"),
    ("blocks", "parts"),
    ("tensorboard", "all"),
)
"""The logs that are written of every run: a format, and how many columns."""
FEW = (
    ("folder", "all"),
    ("trainer_state", "parts and norm"),
    ("hugging face 5", "parts"),
    ("printed", "parts and norm"),
)
"""Fewer, for lists of many kinds: our own record, Hugging Face's two, a loop by hand."""
