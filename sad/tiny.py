"""A tiny world in memory: two tokenizers, two models, a text. Made in well under a second, the same every time."""

from __future__ import annotations

import copy
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from sad.align.reader import Reader
from sad.align.vocab import VocabMap
from sad.data import Readers, examples
from sad.pair import Pair
from sad.recipe.schema import Recipe, parse
from sad.train import loop
from sad.train.plan import Plan
from sad.train.progress import Watcher
from sad.train.watch.interrupt import Interrupt, Unheard

TEXT = (
    "Unbelievable news reached the harbour before dawn: the whale had been seen again, north of the lighthouse. "
    "“How far?” asked the captain; nobody answered, for 1,024 reasons. Früh am Morgen, перед рассветом, 夜明け前, "
    "the boats were ready.\n\nThey rowed for hours, slowly, against wind and tide. The sea was calm and the sky was "
    "grey. At noon the lookout cried out, and everyone turned to see what the water would give them. 🐋 "
    "It was a long way home, and longer in the telling.\n\n"
)


SPACE = "\u2581"
"""How SentencePiece spells a space."""


@cache
def tokenizer(vocabulary: int, *, begins: bool = False, text: str = TEXT) -> Any:  # noqa: ANN401 - no common type
    """Return a byte-level BPE of about ``vocabulary`` tokens, trained on the tiny text or on another.

    If it ``begins``, it has a mark of its own that it puts before a text.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    end, pad, begin = "<|endoftext|>", "<|pad|>", "<|begin|>" if begins else "<|endoftext|>"
    marks = list(dict.fromkeys((end, pad, begin)))
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=marks, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator([text], trainer)
    if begins:
        mark = (begin, made.token_to_id(begin))
        made.post_processor = processors.TemplateProcessing(f"{begin} $A", special_tokens=[mark])
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token=end, bos_token=begin, pad_token=pad)


@cache
def reader(vocabulary: int, *, begins: bool = False, text: str = TEXT) -> Reader:
    """Return a reader with :func:`tokenizer`."""
    return Reader(tokenizer(vocabulary, begins=begins, text=text))


@cache
def pieces(vocabulary: int) -> Any:  # noqa: ANN401 - no common type
    """Return a tokenizer in the manner of SentencePiece, trained on the tiny text.

    It has a mark for each space and one before the text, and bytes where it has no piece: for all that is not ASCII.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    made.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    special = ["<unk>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=special, show_progress=False)
    made.train_from_iterator([TEXT.encode("ascii", "ignore").decode()], trainer)
    state = json.loads(made.to_str())
    # bytes are ordinary tokens
    state["added_tokens"] = state["added_tokens"][:2]
    own = Tokenizer.from_str(json.dumps(state))
    return PreTrainedTokenizerFast(tokenizer_object=own, eos_token="</s>", unk_token="<unk>")


def model(
    vocabulary: int,
    *,
    layers: int,
    width: int,
    seed: int,
    sharpness: float = 1.0,
    kind: str = "Llama",
    **more: Any,  # noqa: ANN401 - whatever the configuration takes
) -> nn.Module:
    """Return a random Llama, or another ``kind`` of transformers' models that takes Llama's settings, in float32.

    ``sharpness`` multiplies its embedding, so that predictions are not flat.
    """
    how: dict[str, Any] = {"layers": layers, "width": width, "seed": seed, "sharpness": sharpness, "kind": kind}
    # what it takes besides may not be hashable
    return _model(vocabulary, **how, **more) if more else copied(_pristine(vocabulary, **how))


def copied(model: nn.Module) -> nn.Module:
    """Return a deep copy of a model: most of what takes time are dozens of dictionaries of hooks in each module, which
    are empty, and are made anew here.
    """
    empty = [of for part in model.modules() for of in vars(part).values() if type(of) in (dict, OrderedDict) and not of]
    return copy.deepcopy(model, {id(of): type(of)() for of in empty})


def _model(
    vocabulary: int,
    *,
    layers: int,
    width: int,
    seed: int,
    sharpness: float,
    kind: str,
    **more: Any,  # noqa: ANN401
) -> nn.Module:
    import transformers

    shape = {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "tie_word_embeddings": True,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = getattr(transformers, f"{kind}Config")(**{**shape, **more})
        made: nn.Module = getattr(transformers, f"{kind}ForCausalLM")(config)
    with torch.no_grad():
        made.get_input_embeddings().weight.mul_(sharpness)  # type: ignore[operator]
    return made


_pristine = cache(_model)
"""Models as they were made: nobody trains them."""


def pair(teacher_vocabulary: int = 400, student_vocabulary: int = 320) -> Pair:
    """Return a teacher of 3 layers x 32 and a student of 2 x 16; equal vocabularies share one tokenizer."""
    readers = Readers(student=reader(student_vocabulary), teacher=reader(teacher_vocabulary))
    teacher = model(readers.teacher.size, layers=3, width=32, seed=1, sharpness=8.0).eval().requires_grad_(False)
    student = model(readers.student.size, layers=2, width=16, seed=2)
    return Pair(student, teacher, readers, copy.deepcopy(_map(student_vocabulary, teacher_vocabulary)))


@cache
def _map(student_vocabulary: int, teacher_vocabulary: int) -> VocabMap:
    return VocabMap(reader(student_vocabulary), reader(teacher_vocabulary))


def recipe(changes: Mapping[str, Any] | None = None) -> Recipe:
    """Return a recipe for a few fast steps on the CPU in float32; ``changes`` is a tree as in TOML."""
    exact = {"precision": "fp32", "device": "cpu"}
    base: dict[str, Any] = {
        "train": {"batch_size": 2, "max_steps": 8, "epochs": 100, "learning_rate": 2e-3, **exact},
        "data": {"max_length": 32, "eval_windows": 4},
    }
    for section, values in (changes or {}).items():
        base[section] = {**base.get(section, {}), **values} if isinstance(values, Mapping) else values
    return parse(base, "the tiny recipe")


def plan(changes: Mapping[str, Any] | None = None, of: Pair | None = None) -> Plan:
    """Return a plan that trains on the tiny text, and is evaluated on the same text."""
    chosen, models = recipe(changes), of or pair()
    texts = TEXT.split("\n\n")[:-1]
    found = examples(texts, models.readers, chosen.data.max_length)
    steps = chosen.train.max_steps or 8
    return Plan(chosen, models, found, found[: chosen.data.eval_windows], steps, "fp32", "cpu")


@dataclass(frozen=True, slots=True)
class Trained:
    """A run of the training loop: its result, the optimizer steps that were taken, the lines of its record."""

    result: loop.Result
    optimizer_steps: int
    record: list[dict[str, Any]]


class Silent:
    """A watcher that says nothing."""

    def step(self, *_: object) -> None:
        """Ignore a step."""

    def evaluation(self, *_: object) -> None:
        """Ignore an evaluation."""

    def say(self, line: str) -> None:
        """Ignore a line."""


def train(
    of: Plan,
    folder: Path | None = None,
    *,
    resume: bool = False,
    watch: Watcher | None = None,
    signals: Interrupt | None = None,
) -> Trained:
    """Run the training loop on a plan, in a folder that is thrown away unless one is given: without the student that a
    run ends with and the last look for red flags, which nobody could read, and without an end that a signal asks for.
    """
    if folder is None:
        if of.recipe.train.on_red_flag == "warn":
            quiet = of.recipe.train.model_copy(update={"on_red_flag": "ignore"})
            of = replace(of, recipe=of.recipe.model_copy(update={"train": quiet}))
        with TemporaryDirectory() as made, patch.object(loop, "export"):
            return train(of, Path(made), watch=watch, signals=Unheard())
    taken: list[object] = []
    hook = register_optimizer_step_post_hook(lambda *_: taken.append(None))
    try:
        result = loop.train(of, folder, watch or Silent(), resume=resume, signals=signals)
    finally:
        hook.remove()
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return Trained(result, len(taken), [json.loads(line) for line in lines])


def weights(of: nn.Module) -> Tensor:
    """Return a copy of every parameter, flat."""
    return torch.cat([p.detach().reshape(-1).clone() for p in of.parameters()])
