"""The lines of training consoles that we know. All are matched at the start of a line without its blanks."""

from __future__ import annotations

import re

from sad_doctor import names
from sad_doctor.readers.progress import NUMBER

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
FINISHED = re.compile(r"\W*training (?:is )?(?:complete|completed|finished)\b", re.IGNORECASE)
INTERRUPTED = re.compile(r"\W*training interrupted\b", re.IGNORECASE)
FAILED = re.compile(r"Error during training: (.+)")
KILLED = re.compile(
    r"(?:\S+: line \d+: +\d+ )?((?:Killed|Segmentation fault|Bus error|Aborted)(?: \(core dumped\))?)(?: {2,}\S.*)?$"
    r"|slurmstepd: error: (.*(?:CANCELLED|oom.kill).*)"
)
EPOCHS = re.compile(
    r"(?:Starting training for (\d{1,6}) epochs|Epochs: (\d{1,6})$|Epoch \d{1,6}/(\d{1,6})$)", re.IGNORECASE
)
SETTING = re.compile(
    r"(Teacher Model|Student Model|Batch Size|Gradient Accumulation(?: Steps)?|Learning Rate): (\S.{0,200})",
    re.IGNORECASE,
)
SECTIONS = {
    "raw loss components:": names.RAW,
    "curriculum weights:": names.WEIGHT,
    "component losses:": names.EVAL_RAW,
}
