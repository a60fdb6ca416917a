"""Units: of a memory that its name tells (``gpu_mem_gb``), and those behind a number (``12.3k tok/s``)."""

from __future__ import annotations

import re

from sad_doctor import names
from sad_doctor.readers.remembered import remembered

_HOSTS, _HELD_BY = frozenset({"rss", "cpu", "host", "process", "ram"}), frozenset({"mem", "memory"})
_DEVICES = frozenset({"gpu", "cuda", "device", "vram"})
_OF_MEMORY = frozenset(
    {"peak", "max", "allocated", "alloc", "reserved", "used", "usage", "active", "0"}
    | {"system", "perf", "torch", "train", "stats", "metrics"}
)
"""Words beside the memory's own in its name; "total" and "free" are other things."""
_SIZES = {"bytes": 1.0, "gb": 1e9, "mb": 1e6, "gib": 2.0**30, "mib": 2.0**20}
_SIZE_LETTERS = {"g": "gib", "m": "mib"}
"""What a letter alone stands for, as torch and nvidia-smi count."""

_VALUE = r"(?<![\w.])(\d[\d,]{0,15}(?:\.\d{1,9})?(?:e[+-]?\d{1,3})?k?)\s?"
_A_SECOND = re.compile(
    _VALUE.replace("k?", "[km]?")
    + r"(tok(?:en)?s?|samples?|examples?|seqs?|sequences?|its?|iters?|steps?|batch(?:es)?)"
    r"(?:/| per )s(?:ec(?:ond)?)?\b",
    re.IGNORECASE,
)
_A_STEP = re.compile(_VALUE + r"(ms|s|secs?|seconds)/(?:it|iter|iteration|step|batch)\b", re.IGNORECASE)
_TOOK = re.compile(
    r"\b(?:(?:step|iter|iteration|batch)[_ ]?time|step_avg|time[_/ ](?:per[_ ])?(?:step|iter)|(dt|time))[:=]?\s{0,3}"
    + _VALUE.removeprefix(r"(?<![\w.])")
    + r"(ms|s|sec)\b",
    re.IGNORECASE,
)
_HELD = re.compile(
    r"\b((?:(?:gpu|cuda|peak|max|cpu|host|ram)[_ ]?)*(?:gpu|mem(?:ory)?|vram|rss)(?:[_ ](?:alloc(?:ated)?|used|peak))?)"
    r"[:=]?\s{0,3}" + _VALUE.removeprefix(r"(?<![\w.])") + r"(?:/\s?\d[\d.]{0,9}\s?)?([GM])(i?B)?\b",
    re.IGNORECASE,
)
_IN_MS = re.compile(r"\b(iteration|iter|step|time|dt) ?\((ms|s)\)(?=\s{0,3}[:=])", re.IGNORECASE)
"""A time whose unit stands behind its name, as Megatron-LM prints it."""
_IN_BYTES = re.compile(r"\b((?:(?:gpu|peak|max|cpu|host) )*(?:mem(?:ory)?|vram)) ?\(([gm]i?b)\)(?=\s{0,12}[:=])", re.I)
_COUNTED = {"t": "tokens", "s": "samples", "e": "samples", "i": "it", "b": "batches"}


@remembered
def in_bytes(name: str) -> tuple[str, float] | None:
    """Return the column of a memory whose plain ``name`` tells its unit, and the bytes of that unit; else None."""
    words = [word for word in re.split(r"[\W_]+", name) if word]
    if not words or words[-1] not in _SIZES:
        return None
    some = frozenset(words[:-1])
    if some - _HOSTS - _DEVICES - _HELD_BY - _OF_MEMORY:
        return None
    if some & _HOSTS and (some & _HELD_BY or "rss" in some):
        return names.MEMORY, _SIZES[words[-1]]
    return (names.MEMORY_DEVICE, _SIZES[words[-1]]) if some & (_DEVICES | _HELD_BY) and not some & _HOSTS else None


def told(line: str) -> str:
    """Return a clean line in which each number with a unit behind it stands behind a name: ``tokens/s: 12.3k``."""
    if "/s" in line or " per s" in line:
        line = _A_SECOND.sub(_rate, line)
    if "s/" in line or "sec/" in line:
        line = _A_STEP.sub(lambda one: _seconds(one[1], one[2]), line)
    if "timing in s" in line:
        line = line.replace("train_step_timing in s", "step_time")  # NeMo
    if "s)" in line:
        line = _IN_MS.sub(lambda one: f"{one[1]}_ms" if one[2].lower() == "ms" else one[1], line)
    lower = line.lower()
    if "time" in lower or "dt" in lower:
        line = _TOOK.sub(_time, line)
    if "mem" in lower or "rss" in lower or "vram" in lower or "gpu" in lower:
        line = _HELD.sub(_memory, line)
        if "b)" in lower:
            line = _IN_BYTES.sub(lambda one: f"{one[1].replace(' ', '_')}_{one[2]}", line)
    return line


def _rate(found: re.Match[str]) -> str:
    counted, value = found[2].lower(), found[1]
    if value[-1] in "mM":
        value = f"{float(value[:-1].replace(',', '')) * 1e6:.0f}"
    return f" {'samples' if counted.startswith('seq') else _COUNTED.get(counted[0], counted)}/s: {value} "


def _seconds(value: str, unit: str) -> str:
    return f" step_time{'_ms' if unit.lower() == 'ms' else ''}: {value} "


def _time(found: re.Match[str]) -> str:
    """A time of one step; "time 350s" may be that of all so far, and stays."""
    if found[1] is not None and found[1].lower() == "time" and found[3].lower() != "ms":
        return found[0]
    return _seconds(found[2], found[3])


def _memory(found: re.Match[str]) -> str:
    host = re.match(r"(?:cpu|host|ram|rss)", found[1], re.IGNORECASE)
    unit = found[3].lower() + found[4].lower() if found[4] else _SIZE_LETTERS[found[3].lower()]
    return f"{'host' if host else 'gpu'}_mem_{unit}: {found[2]} "
