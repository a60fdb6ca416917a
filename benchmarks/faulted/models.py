"""Models as people have them: what `sad verify` and `sad train` say of each, and not of an ordinary pair."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faulted import pairs
from faulted.disk import wanted
from faulted.whole import lines
from faulted.world import BASE, World
from sad_doctor import names

Answer = tuple[int, tuple[str, ...]]
"""An exit code, and words of what is told."""
STUDENT = 300
"""Steps after which a student knows the text better than a teacher of ``BEGINNER`` steps."""
BEGINNER = 60


def _nothing(_pair: Path, _run: Path) -> Iterator[str]:
    yield from ()


@dataclass(frozen=True, slots=True)
class Case:
    """How a pair is made in a folder, and what must come of training and of verifying it.

    ``kept`` yields what is wrong with the student that a training wrote, given the pair's folder and the run's.
    ``control`` makes a pair without the fault: it must not be answered like this case.
    """

    name: str
    make: Callable[[Path], None]
    trained: Answer
    verified: Answer
    kept: Callable[[Path, Path], Iterator[str]] = _nothing
    control: Callable[[Path], None] = pairs.save


def _spoilt(side: str, value: float, all_of: bool = False) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        import torch

        # sharp, so that the teacher's logits overflow on any tokens
        model = pairs.fresh(side, sharpness=8.0 if side == "teacher" else 1.0)
        with torch.no_grad():
            weight = model.model.norm.weight if all_of else model.model.layers[0].mlp.up_proj.weight.view(-1)[:1]
            weight.fill_(value)
        sides: dict[str, Any] = {side: model}
        pairs.save(folder, **sides)

    return make


def _worse(folder: Path) -> None:
    # both know the text, so that nothing else is wrong with either
    pairs.save(folder, pairs.schooled("teacher", BEGINNER), pairs.schooled("student", STUDENT))


def _nothing_common(folder: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    pairs.save(folder)
    # one token for a whole text: it ends nowhere but at the end
    made = Tokenizer(models.WordLevel({"<unk>": 0, "</s>": 1}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Split(" never there ", "isolated")
    PreTrainedTokenizerFast(tokenizer_object=made, eos_token="</s>", unk_token="<unk>").save_pretrained(
        folder / "teacher"
    )


def _wide(folder: Path) -> None:
    pairs.save(folder, pairs.schooled("teacher", pairs.TEACHER, extra=48), pairs.fresh("student", vocab_size=384))


def _rows_kept(pair: Path, run: Path) -> Iterator[str]:
    """Yield what is wrong with the rows that no token has. They have logits like the others, as in the model's own
    loss: training pushes them down, by no more than six steps of AdamW can.
    """
    from sad import tiny

    size = tiny.reader(pairs.SIZES["student"][0]).size
    before, after = (_tensors(folder)[EMBEDDING] for folder in (pair / "student", run / "student"))
    if len(before) <= size:
        yield f"the student had no rows above its {size} tokens"
    elif before.shape != after.shape or before[:size].equal(after[:size]):
        yield f"its embedding was {tuple(before.shape)} and is {tuple(after.shape)}, or nothing of it was trained"
    elif not float((moved := (before[size:] - after[size:]).abs()).max()) < 6 * BASE["train"]["learning_rate"]:
        yield f"rows that no token has moved by up to {float(moved.max()):.2g}"


EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"


def _tensors(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(str(folder / "model.safetensors"))


def _heads(tied: bool) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        teacher = pairs.schooled("teacher", pairs.TEACHER, tied=tied)
        pairs.save(folder, teacher, pairs.fresh("student", tie_word_embeddings=tied))

    return make


def _tied_still(pair: Path, run: Path) -> Iterator[str]:
    """Yield where the student that was written is not tied: in its file, or as it is loaded."""
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(run / "student")
    if HEAD in _tensors(run / "student") or not model.config.tie_word_embeddings:
        yield "the student that was written has a head of its own"
    if model.lm_head.weight is not model.model.embed_tokens.weight:
        yield "the student that was written is not tied when it is loaded"
    if model.model.embed_tokens.weight.equal(_tensors(pair / "student")[EMBEDDING]):
        yield "its embedding was not trained"


def _untied_still(pair: Path, run: Path) -> Iterator[str]:
    """Yield where the student that was written has no head of its own, that was trained."""
    after, before = _tensors(run / "student"), _tensors(pair / "student")
    if HEAD not in after or json.loads((run / "student" / "config.json").read_text())["tie_word_embeddings"]:
        yield "the student that was written has no head of its own"
    elif after[HEAD].equal(after[EMBEDDING]) or after[HEAD].equal(before[HEAD]):
        yield "its head is the embedding, or was not trained"


def _other_architecture(folder: Path) -> None:
    pairs.save(folder)
    file = folder / "student" / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(
        json.dumps({**config, "hidden_size": 32, "intermediate_size": 64, "head_dim": 16}), encoding="utf-8"
    )


def _another_kind(folder: Path) -> None:
    pairs.save(folder)
    file = folder / "student" / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(
        json.dumps({**config, "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}), encoding="utf-8"
    )


CASES = (
    Case(
        "a NaN in a weight of the student",
        _spoilt("student", float("nan")),
        (2, ("student has weights that are NaN",)),
        (2, ("student has weights that are NaN",)),
    ),
    Case(
        "a NaN in a weight of the teacher",
        _spoilt("teacher", float("nan")),
        (2, ("teacher has weights that are NaN",)),
        (2, ("teacher has weights that are NaN",)),
    ),
    Case(
        "a loss of the student that is infinite",
        _spoilt("student", 1e38, True),
        (1, ("R401 non-finite", "were all left out: kd is inf; lm is inf")),
        (1, ("the student starts at inf nats", "worse than guessing", "nothing of the student moved")),
    ),
    Case(
        "infinite logits of the teacher",
        _spoilt("teacher", 1e38, True),
        (2, ("logits that are NaN or infinite",)),
        (2, ("logits that are NaN or infinite",)),
    ),
    Case(
        "logits of the teacher that overflow on some texts",
        lambda folder: pairs.save(folder, pairs.overflowing()),
        (2, ("the teacher's logits are NaN or infinite on the held-out text",)),
        (1, ("it does not know this text: loss nan",)),
    ),
    Case(
        "a teacher worse than the student",
        _worse,
        (0, ("R308 targets-degenerate: The student is past its teacher, and KD pulls it back",)),
        (1, ("the teacher is worse than the student on this text", "\n1 wrong")),
    ),
    Case("tokenizers with no common boundary", _nothing_common, (2, ("never end a token",)), (2, ("never end",))),
    Case(
        "embeddings larger than their tokenizers",
        _wide,
        (0, ()),
        (0, ("vocabulary rows 448", "vocabulary rows 384", "\n0 wrong")),
        _rows_kept,
    ),
    Case(
        "tied heads",
        _heads(True),
        (0, ()),
        (0, ("rows 400, head tied", "rows 320, head tied", "\n0 wrong")),
        _tied_still,
        _heads(False),
    ),
    Case(
        "untied heads",
        _heads(False),
        (0, ()),
        (0, ("rows 400, head its own", "rows 320, head its own", "\n0 wrong")),
        _untied_still,
    ),
    Case(
        "weights of another shape than the configuration",
        _other_architecture,
        (2, ("of other sizes",)),
        (2, ("of other sizes",)),
    ),
    Case(
        "weights of another architecture",
        _another_kind,
        (2, ("of another architecture",)),
        (2, ("of another architecture",)),
    ),
)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a pair: the exit code, what was told, the pair's folder and that of the run."""

    code: int
    told: str
    pair: Path
    run: Path


class Models:
    """Goes through the cases with one command, ``train`` or ``verify``; yields what is wrong with each."""

    def __init__(self, world: World, command: str, cases: Sequence[int] | None = None) -> None:
        self.world, self.command, self.cases = world, command, cases or range(len(CASES))
        self._controls: dict[Callable[[Path], None], Result] = {}

    def every(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the name of each case, with what was told, and what was not as it must be."""
        for number in self.cases:
            case = CASES[number]
            result = self._result(case.make, f"{number}")
            wrong = list(self._wrong(case, result))
            if case.control not in self._controls:
                self._controls[case.control] = self._result(case.control, f"{number}-control")
            control = self._controls[case.control]
            if seen := control_is_told_apart(self._wrong(case, control), control.code):
                wrong.append(seen)
            yield f"{self.command}: {case.name}", [*wrong, *_told(result.told, result.code)]

    def _result(self, make: Callable[[Path], None], name: str) -> Result:
        place, runs = f"models-{name}", f"runs-{name}"
        (self.world.folder / place).mkdir()
        make(self.world.folder / place)
        words = ["--teacher", f"./{place}/teacher", "--student", f"./{place}/student"]
        words += ["--set", 'train.on_red_flag="warn"']
        words += ["--max-steps", "6", "--output", runs] if self.command == "train" else []
        process = self.world.start(self.command, "--config", "run.toml", *words)
        code = process.wait(280.0)
        return Result(code, process.told, self.world.folder / place, self.world.folder / runs / "latest")

    def _wrong(self, case: Case, result: Result) -> Iterator[str]:
        """Yield in what a result is not the answer to the case."""
        code, words = case.trained if self.command == "train" else case.verified
        yield from wanted(result.code, result.told, code, *words)
        if self.command == "train" and not code and not result.code:
            yield from self._sound(result.run)
            yield from case.kept(result.pair, result.run)

    def _sound(self, run: Path) -> Iterator[str]:
        losses = [line[names.LOSS] for line in lines(run) if names.LOSS in line]
        if len(losses) != 6 or not all(isinstance(one, float) and 0 < one < 200 for one in losses):
            yield f"the losses are {losses}"


def control_is_told_apart(wrong: Iterator[str], code: int) -> str:
    """Return what is wrong with a control, which ended with ``code`` and must differ from the case; "" if nothing."""
    if code:
        return f"the pair without the fault ends with {code}"
    return "" if any(wrong) else "the pair without the fault is answered in the same way"


def _told(told: str, code: int) -> Iterator[str]:
    yield f"(told) exit {code}"
    for line in told.splitlines():
        if line.startswith(("sad: ", "\u2717")) or " R" in line[:12]:
            yield f"(told) {line[:220]}"
