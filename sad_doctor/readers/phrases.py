"""The lines of training consoles that we know. All are matched at the start of a line without its blanks."""

from __future__ import annotations

import re

from sad_doctor import names
from sad_doctor.readers.numbers import NUMBER

BLOCK = re.compile(r"\[TRAIN DEBUG\] Step (\d{1,15})")
CURRICULUM = re.compile(r"\[CURRICULUM\] Step (\d{1,15})\b(.*)")
WEIGHT = re.compile(rf"(\w+)=({NUMBER})", re.IGNORECASE)
TERM = re.compile(r"\[([A-Z_ ]{1,40})\] (?:(\w{1,60}): )?(?=Raw)(.*)")
PART = re.compile(rf"(Raw|Weight|Weighted|Scaled)[:=]\s?({NUMBER})", re.IGNORECASE)
TOTAL = re.compile(rf"(?:\[TOTAL\] Loss|Total loss(?: \(outputs\['loss'\]\))?): ({NUMBER})", re.IGNORECASE)
BAR_LOSS = re.compile(rf"Progress bar loss: ({NUMBER})", re.IGNORECASE)
EVAL = re.compile(rf"\[Eval\] loss: ({NUMBER})(?:, ppl: ({NUMBER}))?", re.IGNORECASE)
EVAL_PARTS = re.compile(r"\[Eval\] components: (.*)")
EVAL_LINE = re.compile(rf"(Eval loss|Perplexity): ({NUMBER})", re.IGNORECASE)
PAIR = re.compile(rf"([A-Za-z][\w/.\- ]{{0,60}}):\s+({NUMBER})", re.IGNORECASE)
WARNING = re.compile(r"\[Warning\] (.*)", re.IGNORECASE)
NON_FINITE = re.compile(r"produced non-finite value")
EARLY_STOP = re.compile(r"\[Early Stopping\] (.*stop.*)", re.IGNORECASE)
EARLY_STOPPED = re.compile(r"(Early stopping (?:at|after|triggered|because)\b.*)", re.IGNORECASE)
FINISHED = re.compile(r"\W*training (?:is )?(?:complete|completed|finished)\b", re.IGNORECASE)
INTERRUPTED = re.compile(r"\W*training interrupted\b", re.IGNORECASE)
FAILED = re.compile(r"Error during training: (.+)")
KILLED = re.compile(
    r"(?:\S+: line \d+: +\d+ )?((?:Killed|Segmentation fault|Bus error|Aborted)(?: \(core dumped\))?)(?: {2,}\S.*)?$"
    r"|slurmstepd: error: (.*(?:CANCELLED|oom.kill).*)"
)
_SIGNS_OF_AN_END = re.compile(r"Error|Exception|memory|exitcode|Watchdog|stopping training|terminate called")
_FATAL = re.compile(
    rf"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception): (?!\s*{NUMBER})\S.*"
    r"|(?:[A-Za-z_]\w*\.)+ChildFailedError:?$"
    r"|(?:CUDA|HIP|MPS|XLA)\b.{0,60}?(?:out of memory|illegal memory access|device-side assert).*"
    r"|Out of memory: Killed process .*"
    r"|.{0,200}?Watchdog caught collective operation time-?out.*"
    r"|.{0,120}?failed \(exitcode: -?\d+\).*"
    r"|Loss is \S{1,20}, stopping training.*"
    r"|Fatal Python error: .*"
    r"|terminate called after throwing .*",
    re.IGNORECASE,
)
EPOCHS = re.compile(
    r"(?:Starting training for (\d{1,6}) epochs|Epochs: (\d{1,6})$|Epoch \d{1,6}/(\d{1,6})$)", re.IGNORECASE
)
LENGTH = re.compile(r"(Total optimization steps|Num Epochs) = ([\d,]{1,15})$")
"""What Hugging Face's Trainer says of its length before it begins."""
SETTING = re.compile(
    r"(Teacher Model|Student Model|Batch Size|Gradient Accumulation(?: Steps)?|Learning Rate): (\S.{0,200})",
    re.IGNORECASE,
)
SECTIONS = {
    "raw loss components:": names.RAW,
    "curriculum weights:": names.WEIGHT,
    "component losses:": names.EVAL_RAW,
}


def fatal(line: str) -> str | None:
    """Return ``line``, which has no blanks around it, if it is an error that ends a run without a traceback.

    A data loader's, a launcher's, a device's: what goes on behind it has outlived it, as it outlives a traceback.
    """
    return line if _SIGNS_OF_AN_END.search(line) is not None and _FATAL.fullmatch(line) is not None else None
