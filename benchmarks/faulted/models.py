"""Models as people have them: what `sad verify` and `sad train` say of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faulted.disk import wanted
from faulted.whole import lines
from faulted.world import World
from sad_doctor import names


@dataclass(frozen=True, slots=True)
class Case:
    """How a pair is made in a folder, and what must come of training and of verifying it: an exit code and words."""

    name: str
    make: Callable[[Path], None]
    trained: tuple[int, tuple[str, ...]]
    verified: tuple[int, tuple[str, ...]]


def _pair(folder: Path, teacher: Any = None, student: Any = None) -> None:
    from sad import tiny

    readers = tiny.reader(400), tiny.reader(320)
    models: tuple[Any, Any] = (
        teacher or tiny.model(readers[0].size, layers=3, width=32, seed=1, sharpness=8.0),
        student or tiny.model(readers[1].size, layers=2, width=16, seed=2),
    )
    for name, model, reader in zip(("teacher", "student"), models, readers, strict=True):
        model.save_pretrained(folder / name)
        reader.tokenizer.save_pretrained(folder / name)


def _spoilt(side: str, value: float, all_of: bool = False) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        import torch

        from sad import tiny

        shape = {"teacher": (400, 3, 32, 1, 8.0), "student": (320, 2, 16, 2, 1.0)}[side]
        model: Any = tiny.model(shape[0], layers=shape[1], width=shape[2], seed=shape[3], sharpness=shape[4])
        with torch.no_grad():
            weight = model.model.norm.weight if all_of else model.model.layers[0].mlp.up_proj.weight.view(-1)[:1]
            weight.fill_(value)
        sides: dict[str, Any] = {side: model}
        _pair(folder, **sides)

    return make


def _worse(folder: Path) -> None:
    from sad import tiny

    # random, and so sure of it that no student is worse
    _pair(folder, teacher=tiny.model(400, layers=3, width=32, seed=1, sharpness=60.0))


def _nothing_common(folder: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    from sad import tiny

    _pair(folder)
    # one token for a whole text: it ends nowhere but at the end
    made = Tokenizer(models.WordLevel({"<unk>": 0, "</s>": 1}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Split(" never there ", "isolated")
    PreTrainedTokenizerFast(tokenizer_object=made, eos_token="</s>", unk_token="<unk>").save_pretrained(
        folder / "teacher"
    )
    teacher: Any = tiny.model(400, layers=3, width=32, seed=1)
    teacher.save_pretrained(folder / "teacher")


def _wide(folder: Path) -> None:
    from sad import tiny

    teacher, student = (tiny.model(size, layers=2, width=32, seed=1) for size in (448, 384))
    _pair(folder, teacher, student)


def _heads(tied: bool) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        from sad import tiny

        sizes = ((tiny.reader(400).size, 3, 32), (tiny.reader(320).size, 2, 16))
        made = (tiny.model(s, layers=n, width=w, seed=1, tie_word_embeddings=tied) for s, n, w in sizes)
        teacher, student = made
        _pair(folder, teacher, student)

    return make


def _other_architecture(folder: Path) -> None:
    _pair(folder)
    file = folder / "student" / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(
        json.dumps({**config, "hidden_size": 32, "intermediate_size": 64, "head_dim": 16}), encoding="utf-8"
    )


def _another_kind(folder: Path) -> None:
    _pair(folder)
    file = folder / "student" / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(
        json.dumps({**config, "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}), encoding="utf-8"
    )


UNSCHOOLED = (1, ("it does not know this text", "1 wrong"))
"""What `sad verify` says of the tiny teacher, which is random, where all else is right."""

CASES = (
    Case(
        "a NaN in a weight of the student",
        _spoilt("student", float("nan")),
        (2, ("student has weights that are NaN",)),
        (2, ("has weights that are NaN",)),
    ),
    Case(
        "a NaN in a weight of the teacher",
        _spoilt("teacher", float("nan")),
        (2, ("teacher has weights that are NaN",)),
        (2, ("has weights that are NaN",)),
    ),
    Case(
        "a loss of the student that is infinite", _spoilt("student", 1e38, True), (1, ("were all left out",)), (1, ())
    ),
    Case(
        "infinite logits of the teacher", _spoilt("teacher", 1e38, True), (2, ("teacher answers",)), (2, ("teacher",))
    ),
    Case("a teacher worse than the student", _worse, (0, ("teacher",)), (1, ("teacher",))),
    Case("tokenizers with no common boundary", _nothing_common, (2, ("never end a token",)), (2, ("never end",))),
    Case("embeddings larger than their tokenizers", _wide, (0, ()), UNSCHOOLED),
    Case("tied heads", _heads(True), (0, ()), UNSCHOOLED),
    Case("untied heads", _heads(False), (0, ()), UNSCHOOLED),
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


class Models:
    """Goes through the cases with one command, ``train`` or ``verify``; yields what is wrong with each."""

    def __init__(self, world: World, command: str, cases: Sequence[int] | None = None) -> None:
        self.world, self.command, self.cases = world, command, cases or range(len(CASES))

    def every(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the name of each case, with what was told, and what was not as it must be."""
        for number in self.cases:
            case = CASES[number]
            place = f"models-{number}"
            (self.world.folder / place).mkdir()
            case.make(self.world.folder / place)
            words = ["--teacher", f"./{place}/teacher", "--student", f"./{place}/student"]
            words += ["--set", 'train.on_red_flag="warn"']
            code, wants = case.verified
            more: tuple[str, ...] = ()
            if self.command == "train":
                (code, wants), more = case.trained, ("--max-steps", "6", "--output", f"runs-{number}")
            process = self.world.start(self.command, "--config", "run.toml", *words, *more)
            got, told = process.wait(280.0), process.told
            wrong = list(wanted(got, told, code, *wants))
            if self.command == "train" and not code:
                wrong += self._sound(self.world.folder / f"runs-{number}" / "latest")
            yield f"{self.command}: {case.name}", [*wrong, *_told(told, got)]

    def _sound(self, run: Path) -> Iterator[str]:
        losses = [line[names.LOSS] for line in lines(run) if names.LOSS in line]
        if len(losses) != 6 or not all(isinstance(one, float) and 0 < one < 200 for one in losses):
            yield f"the losses are {losses}"


def _told(told: str, code: int) -> Iterator[str]:
    yield f"(told) exit {code}"
    for line in told.splitlines():
        if line.startswith(("sad: ", "\u2717")) or " R" in line[:12]:
            yield f"(told) {line[:220]}"
