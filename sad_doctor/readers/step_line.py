"""Lines that a training loop prints for itself: ``step 10/500 | loss: 3.21 | lr 1e-4``, ``step=10 loss=3.21``.

Names and numbers stand side by side, with ``:``, ``=`` or a blank between; the step has a name, or is an ``N/M``. So
print nanoGPT, llm.c, torchtune, torchtitan, Megatron-LM, fairseq, Keras and most loops that people write.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sad_doctor import names
from sad_doctor.readers.naming import column_of, in_bytes, plain, step_rank
from sad_doctor.readers.numbers import NUMBER
from sad_doctor.readers.remembered import remembered
from sad_doctor.readers.spelled import spelled
from sad_doctor.sealed import sealed

LONGEST = 2000
"""Characters of a line that are looked at."""
_THOUSANDS = r"[1-9]\d{0,2}(?:,\d{3})+(?![\d,])(?:\.\d+)?"
_COMMA = r"(?:0,\d{1,17}|\d{1,9},(?:\d{1,2}|\d{4,17}))(?:e[+-]?\d{1,3})?(?![\w,.])"
"""A decimal comma: three digits behind it are thousands, but for those behind a 0."""
_KILO = r"\d+(?:\.\d+)?k(?![\w./])"
_WORD = r"(?!(?:nan|inf|infinity)(?![\w./\-]))[A-Za-z_][\w./\-]{0,60}"
"""A word of a name; ``nan`` and ``inf`` are values."""
_PAIR = re.compile(
    rf"(?<![\w./\-])(?P<name>{_WORD}(?: {_WORD}){{0,4}})['\"]?"
    rf"(?: ?\([^()]{{0,20}}\))?\s{{0,30}}[:=]?\s{{0,30}}['\[(]?\s{{0,3}}"
    rf"(?P<value>{_THOUSANDS}|{_COMMA}|{_KILO}|{NUMBER})(?:\s{{0,3}}/\s{{0,12}}(?P<of>\d{{1,15}}))?",
    re.IGNORECASE,
)
_OF = re.compile(r"(?<![\w.])(\d{1,15})\s*/\s*(\d{1,15})(?![\w.]*[./\-])")
_TWO = re.compile(r"\[\s{0,6}(\d{1,6})/(\d{1,6})\] ?\[\s{0,6}(\d{1,12})/(\d{1,12})\]")
"""Epoch and batch in brackets, one behind the other, as vision code prints them: ``Train: [0/10][20/1251]``."""
EVALUATES = re.compile(r"\b(?:eval|evaluation|valid|validation|val|dev|test)\b", re.IGNORECASE)
_HEAD = re.compile(rf"^\s*(?:{EVALUATES.pattern}|\btrain(?:ing)?\b)\s*[|:]", re.IGNORECASE)
"""What stands before the values of either: ``eval | rougeL: 25.1``, as MiniLLM prints it, ``Train: loss 3.2``."""
_REST = re.compile(r"[\s,;|:=()\[\]{}\-–—>*#'\"]*")
_SIGNS = (":", "=")
_OF_A_LOSS = frozenset(
    {"debug", "info", "warn", "warning", "error", "critical", "rank", "main", "logger", "root", "trainer", "train"}
    | {"training", "finished", "done", "ended", "and", "with", "the", "its", "got", "has", "is"}
    | {"total", "overall", "global", "avg", "average", "averaged", "mean", "running", "smoothed", "current", "last"}
    | {"batch", "minibatch", "step", "iter", "iteration", "epoch", "final", "end", "new", "reduced"}
)
"""Words before ``loss`` that a logger writes or that leave its meaning; any other makes it a loss of another kind."""
_JOINED = re.compile(r"\b(step|iter|iteration|epoch)(?:_|#|(?=\d))(\d{1,12})(?![\w.\-])(?=.*\w)", re.IGNORECASE)
"""A step whose number is joined to its word: ``step_100``, ``Step#100``."""
_BEFORE = re.compile(r"\b(\d{1,9})epoch:[a-z]{1,20}:\d{1,12}-(\d{1,12})batch:", re.IGNORECASE)
"""ESPnet's epoch and last batch, with the numbers before their words: ``7epoch:train:376-750batch:``."""
_EPOCHS = ("epoch", "ep")
_BATCHES = ("batch", "minibatch", "batch_idx")
"""What counts the steps of an epoch where a line has no other step."""
_LEAD = re.compile(r"^(?:\[(\d{1,12})\]:?|#(\d{1,12}):?|(\d{1,12}):)(?=\s)")
"""A number that begins a line, in brackets, behind a # or before a colon: its step, where it names no other."""
_INNER = frozenset({"inner", "ppo"})
"""Words before a step or an epoch that count within one: of the passes over a batch of the student's own texts."""
_SIZES = frozenset({"hidden", "hid", "layer", "layers"})
"""Words that name a part of a loss, or a size of a model: the size where the number is whole."""
_RATES = frozenset({"lr", "LR", "learning_rate"})
"""Beside one of them a bare ``norm`` is that of the gradient."""
_LOSSES = (names.LOSS, names.EVAL_LOSS, names.EVAL_LM_LOSS, names.EVAL_PERPLEXITY, names.EVAL_KL)
_PERPLEXITIES = frozenset({"ppl", "perplexity"})
_OF_TRAINING = frozenset(f"train_{name}" for name in _PERPLEXITIES)
_WITNESSES = (names.GRAD_NORM, names.LOSS_SCALE)
_Count = tuple[float, int | None]
"""A number, and how many there will be."""
_NONE = None, None
PARTS = (names.RAW, names.WEIGHTED, names.EVAL_RAW, names.EVAL_WEIGHTED)


@sealed
class Line:
    """What a line says: its step, its epoch, each with how many there will be, and its values by the log's names.

    ``whole`` tells that it holds nothing else, ``unnamed`` that the step is a bare ``N/M``, ``overall`` that the step
    is named as one of the whole run, such as ``global iter``, ``headed`` that it begins with ``eval |`` or the like.
    """

    step: float | None = None
    steps: int | None = None
    epoch: float | None = None
    epochs: int | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    whole: bool = False
    unnamed: bool = False
    overall: bool = False
    headed: bool = False

    @property
    def has_loss(self) -> bool:
        """Whether one of the values is a loss, a part of one, or a perplexity."""
        return any(_is_loss(name) for name in self.values)

    @property
    def trains(self) -> bool:
        """Whether it tells of a training: it has a loss, or with its step a gradient norm or the scale of the loss."""
        return self.has_loss or (self.step is not None and any(column_of(n) in _WITNESSES for n in self.values))

    @property
    def measures(self) -> bool:
        """Whether it is nothing but numbers of an evaluation, such as ``Validation accuracy: 0.41``."""
        return self.whole and all(plain(name).startswith("eval/") for name in self.values)

    @property
    def known(self) -> bool:
        """Whether all of the values are of columns that we know."""
        return all(column_of(name) is not None or in_bytes(name) is not None for name in self.values)


def parse(line: str) -> Line | None:
    """Return what a line says of a training, or None if that is neither a loss nor a step nor an epoch, nor
    values that we know alone.
    """
    line = spelled(line[:LONGEST])
    line = _BEFORE.sub(r"epoch \1 batch \2,", line, count=1) if "batch:" in line else line
    lead = _LEAD.match(line)
    line = line[lead.end() :] if lead else line
    read = _Read()
    rest, at = [], 0
    for found in _PAIR.finditer(line):
        rest.append(line[at : found.start()])
        at = found.end()
        read.take(found)
    rest.append(line[at:])
    if read.step is None and read.counts_batches(line):
        read.step_of_batches()
    elif read.step is None and _JOINED.search(line, 0, 60) is not None:
        return parse(_JOINED.sub(r"\1 \2", line, count=4))
    if read.step is None and read.epoch is None and (two := _TWO.search(line)) is not None:
        read.epoch = float(two[1]), int(two[2])
    unnamed = _unnamed(line) if read.step is None else None
    step = unnamed or read.step or (None if lead is None else (float(lead[lead.lastindex or 1]), None))
    values = _named(read.values, line)
    values = values if step is None and read.epoch is None else _of_training(values)
    rest[0], heads = _HEAD.subn("", rest[0], count=1)
    whole = bool(values) and all(_REST.fullmatch(one) for one in rest)
    (at_step, steps), (epoch, epochs) = step or _NONE, read.epoch or _NONE
    said = Line(at_step, steps, epoch, epochs, values, whole, unnamed is not None, read.overall, heads > 0)
    counts = (step is not None or read.epoch is not None) and not values
    return said if said.trains or counts or (whole and step is None and (said.known or said.measures)) else None


@dataclass(slots=True)
class _Read:
    """What the pairs of a line say, from the left to the one that was taken last.

    ``within`` tells that the step is one of an inner loop, ``overall`` that it is one of the whole run.
    """

    step: _Count | None = None
    epoch: _Count | None = None
    batch: _Count | None = None
    within: bool = False
    overall: bool = False
    values: dict[str, float] = field(default_factory=dict)

    def take(self, found: re.Match[str]) -> None:
        """Take a pair for a step, an epoch, a batch or a value; leave it where it is none."""
        # a word right behind a sign is the value before this name: task:chat loss:3.1
        after_sign = found.string[found.start() - 1 : found.start()] in _SIGNS
        told = found["name"].split(" ", 1)[-1] if after_sign else found["name"]
        name, value, of = _known(told), _number(found["value"]), int(found["of"]) if found["of"] else None
        inner = not _INNER.isdisjoint(told.lower().split())
        if step_rank(name) is not None:
            if " per " not in found["name"]:
                self._take_step(plain(name).startswith("global_"), inner, value, of)
        elif (plain(name) in _EPOCHS or column_of(name) == names.EPOCH) and not inner:
            self.epoch = value, self.epoch[1] if of is None and self.epoch is not None else of
        elif plain(name) in _BATCHES and value >= 0 and not value % 1 and name not in self.values:
            self.batch = value, of
            self.values |= {name: value} if of is None else {}
        elif not math.isfinite(value) and not _signed(found) and column_of(name) is None and plain(name)[-4:] != "loss":
            return  # prose: number of nan iterations
        elif plain(name) in _SIZES and found["value"].isdigit() and value > 8:
            return
        elif of is None and name not in self.values:
            self.values[name] = value

    def _take_step(self, whole_run: bool, inner: bool, value: float, of: int | None) -> None:
        """Take a step, unless the one that stands is as good."""
        # fairseq's "update" is a part of an epoch, and "num_updates" the steps
        if (
            self.step is None
            or (whole_run and not self.overall)
            or (self.within and not inner)
            or _finer(self.step[0], value)
        ):
            known = None if self.step is None or self.within or whole_run else self.step[1]
            self.step, self.within, self.overall = (value, known if of is None else of), inner, whole_run

    def counts_batches(self, line: str) -> bool:
        """Whether the batches of the line may stand for its steps."""
        told = self.batch is not None and bool(self.batch[1])
        return self.batch is not None and (self.epoch is not None or told or line.lower().startswith("batch"))

    def step_of_batches(self) -> None:
        """Take the batches for steps."""
        self.step = self.batch
        self.values = {name: value for name, value in self.values.items() if plain(name) not in _BATCHES}


@remembered
def _is_loss(name: str) -> bool:
    ours = column_of(name) or ""
    own = plain(name)
    return ours in _LOSSES or ours.startswith(PARTS) or own.endswith("_loss") or own in _OF_TRAINING


def _named(values: dict[str, float], line: str) -> dict[str, float]:
    """The values by names that say what they are of, where the names or the words beside them do."""
    if "norm" in values and not _RATES.isdisjoint(values):
        values = {"grad_norm" if name == "norm" else name: value for name, value in values.items()}
    return evaluated(values) if EVALUATES.search(line) is not None else values


def _of_training(values: dict[str, float]) -> dict[str, float]:
    """The values, where some are a training's and none an evaluation's: a bare perplexity beside them is one too."""
    trained = any((column_of(name) or "").startswith("train/") for name in values)
    if not trained or any(plain(name).startswith("eval/") for name in values):
        return values
    return {f"train_{plain(name)}" if plain(name) in _PERPLEXITIES else name: value for name, value in values.items()}


def evaluated(values: Mapping[str, float]) -> dict[str, float]:
    """Return the values of an evaluation by names that say so; those that say of what they are stay."""
    if any(plain(name).startswith(("eval/", "train_", "train/", "actor/")) for name in values):
        return dict(values)
    return {f"eval_{name}": value for name, value in values.items()}


def _finer(step: float, value: float) -> bool:
    """Whether a step is a part of an epoch, and another number beside it a whole one."""
    return step % 1 != 0 and value % 1 == 0


def _signed(found: re.Match[str]) -> bool:
    """Whether a sign stands between a name and its value, not blanks alone."""
    return found.string[found.end("name") : found.start("value")].strip() != ""


def _known(name: str) -> str:
    """The longest end of the words before a number that is a name we know; else the last word.

    ``logits loss`` is no ``loss``: a word before it that says of what it is belongs to its name.
    """
    words = name.split()
    for start in range(len(words)):
        some = "_".join(words[start:])
        if plain(some) == "loss" and start and not _leaves_it(words[start - 1]):
            first = max((at + 1 for at in range(start) if _leaves_it(words[at])), default=0)
            return "_".join(words[first:])
        if step_rank(some) is not None or column_of(some) is not None or plain(some) in _EPOCHS:
            return some
    return words[-1]


def _number(text: str) -> float:
    """The number in a text such as ``1,000`` or ``1.5k``."""
    if "," not in text and text[-1] not in "kK":
        return float(text)
    text = text.lower()
    if re.fullmatch(_COMMA, text) and not re.fullmatch(_THOUSANDS, text):
        return float(text.replace(",", "."))
    text = text.replace(",", "")
    return round(float(text[:-1]) * 1000, 6) if text.endswith("k") else float(text)


def _leaves_it(word: str) -> bool:
    """Whether a word before ``loss`` is a logger's, or one that leaves it the total."""
    return word.lower() in _OF_A_LOSS or "." in word or step_rank(word) is not None


def _unnamed(line: str) -> tuple[float, int] | None:
    """An ``N/M`` that is not of epochs: where the batch is in its epoch."""
    two = _TWO.search(line)
    for found in _OF.finditer(line, two.end(2) if two is not None else 0):
        before = line[max(0, found.start() - 12) : found.start()].lower()
        if not re.search(r"epochs?\W{0,4}$", before) and int(found[1]) <= int(found[2]):
            return float(found[1]), int(found[2])
    return None
