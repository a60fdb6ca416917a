"""Two models, their tokenizers and texts: what the objective is asked of, in all the ways that pairs differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sized
from functools import partial
from typing import Any

import torch
from torch import nn

from sad import tiny
from sad.invariants._spellings import cut_otherwise, with_reserved, written_otherwise
from sad.models.forward import block_list
from sad.subjects.objective import (
    ALM,
    ATTENTION,
    BATCH,
    CONTRASTIVE,
    COSINE,
    KD,
    LAYERNORM,
    LAYERWISE,
    LM,
    MAPS,
    RELATIONS,
    RELATIVE,
    TEXT,
    Task,
)

WEIGHTS = {KD: 0.7, LM: 1.3, ALM: 0.5, LAYERWISE: 0.4, ATTENTION: 0.3, CONTRASTIVE: 0.2}
SPARE = 5
"""Rows of a head beyond its tokenizer's last id."""
SHARP, BLOCKS = 20.0, 4.0
RATE, DECAY = 0.05, 0.5
"""Large, so that what the step adds is not lost in the rounding of the weights."""

TEXTS = (
    "The whale had been seen again, north of the lighthouse.",
    "“How far?” asked the captain; nobody answered.",
    "Früh, перед 夜明け 🐋",
    "At noon.<|pad|>Later",
    "It was a long way home, and longer in the telling.",
)
HELD_OUT = (
    "They rowed.",
    "Unbelievable news! 1,024 boats",
    "The sea was calm and the sky was grey, news! 1,024 boats.",
)
"""Rising in length with every tokenizer: an evaluation may take short texts first."""
OTHER = "for north rowed answer the lookout it way would water longer hours wind tide slowly against captain dawn " * 2
"""A text to make another tokenizer of."""
RESERVED = 80
"""Marks that only the teacher's tokenizer has, as many a family reserves them: their mass goes to no token."""
WORD = "Ġfor"
"""A token that no text has, and that the teacher may say."""

Kind = tuple[str, Mapping[str, Any]]
"""An architecture of transformers, and what its configuration has beyond Llama's: what it does to its logits."""

ODD = "a head that doubles its logits"

LLAMA: Kind = ("Llama", {})


PLAIN: dict[str, Any] = {"attention": RELATIONS, "relation_heads": None, "chunk_temperature": 100.0}
ONE_PAIR = PLAIN | {"attention_blocks": ((0, 0),), "normalisation": LAYERNORM, "negatives": TEXT}


def tasks() -> Iterator[tuple[str, Task]]:
    """Yield each by a name; that called :data:`ODD` may be refused."""
    yield "two tokenizers", _two_tokenizers()
    yield "two tokenizers of one size", _two_of_one_size()
    yield "one tokenizer", _one_tokenizer()
    yield "one vocabulary, cut in two ways", _one_vocabulary()
    yield "a stored teacher", _stored_teacher()
    odd = _task(tiny.tokenizer(320), tiny.tokenizer(320), ((0, 0),), 2.0, **ONE_PAIR)
    _scaled(odd.student, 2.0)
    yield ODD, odd


def _two_tokenizers() -> Task:
    how = PLAIN | {"attention": MAPS, "attention_blocks": ((0, 1), (1, 3)), "normalisation": LAYERNORM}
    return _task(tiny.tokenizer(320), tiny.pieces(400), ((0, 1), (1, 3)), 2.0, **how, negatives=TEXT)


def _two_of_one_size() -> Task:
    # learned from another text: as many tokens, and other ones
    mine, theirs = (tiny.tokenizer(300, begins=True, text=text) for text in (tiny.TEXT, OTHER))
    assert len(mine) == len(theirs)
    few: dict[str, Any] = {"num_attention_heads": 4, "num_key_value_heads": 2}
    kinds: tuple[Kind, Kind] = (
        ("Granite", {"logits_scaling": 0.5}),
        ("Gemma2", few | {"final_logit_softcapping": 5.0, "head_dim": 8}),
    )
    named = {"attention_blocks": ((0, 2), (1, 1)), "relation_heads": 4, "chunk_temperature": 5.0}
    how = PLAIN | named | {"normalisation": RELATIVE, "negatives": BATCH}
    return _task(mine, theirs, ((1, 0), (0, 3)), 3.0, *kinds, **how)


def _one_tokenizer() -> Task:
    # so sure that it gives some chunks a likelihood of 0
    kinds: tuple[Kind, Kind] = (
        ("Phi", {}),
        ("Cohere", {"logit_scale": 12.0, **dict.fromkeys(("bos_token_id", "eos_token_id"), 0)}),
    )
    same = written_otherwise(tiny.tokenizer(320))
    last = {"attention_blocks": ((2, 5),), "chunk_temperature": 1.0, "normalisation": COSINE, "negatives": TEXT}
    made = _task(tiny.tokenizer(320), same, ((0, 1), (1, 3), (2, 5)), 2.0, *kinds, **(PLAIN | last))
    # the rows to spare have no logits (Inkling)
    made.student.config.unpadded_vocab_size = len(same)  # type: ignore[union-attr]
    made.student.register_forward_hook(_cut)
    return made


def _one_vocabulary() -> Task:
    other = cut_otherwise(tiny.tokenizer(320))
    # after it was made: its own rules do not know of it
    other.sep_token = WORD
    # one projection for queries, keys and values: of fewer keys, and of one head after the other
    marks = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), 0)
    # narrower than any two heads of a relation
    narrow: Kind = ("Phi3", marks | {"num_attention_heads": 6, "num_key_value_heads": 3, "head_dim": 4})
    made = _task(tiny.tokenizer(320), other, ((0, 0),), 2.0, narrow, ("GPTNeoX", marks), **ONE_PAIR)
    # HyperCLOVA X multiplies by what Granite divides by
    _scaled(made.student, 1.5, logits_scaling=1.5, model_type="hyperclovax")
    return made


def _stored_teacher() -> Task:
    weights = {name: WEIGHTS[name] for name in (KD, LM, LAYERWISE, CONTRASTIVE)}
    theirs = with_reserved(tiny.tokenizer(400), RESERVED)
    # a dense layer, an activation and a norm stand before the map to the logits
    marks = {f"{name}_token_id": 0 for name in ("bos", "eos", "pad", "cls", "sep")}
    kinds: tuple[Kind, Kind] = (LLAMA, ("ModernBertDecoder", marks))
    how = ONE_PAIR | {"weights": weights, "stored": True}
    made = _task(tiny.tokenizer(320), theirs, ((0, 1), (1, 0)), 2.0, *kinds, **how)
    # the body is not where the class says it is (Llama 4)
    made.student.base_model_prefix = "language_model"  # type: ignore[assignment]
    # Falcon-H1, Inkling
    _scaled(made.student, 0.7, lm_head_multiplier=0.7)
    _scaled(made.teacher, 1 / 0.6, logits_mup_width_multiplier=0.6)
    return made


def _task(
    mine: Sized,
    theirs: Sized,
    blocks: tuple[tuple[int, int], ...],
    temperature: float,
    student: Kind = LLAMA,
    teacher: Kind = LLAMA,
    **options: Any,  # noqa: ANN401 - the rest of a task
) -> Task:
    mine_deep, theirs_deep = (1 + max(pair[side] for pair in blocks) for side in (0, 1))
    models: tuple[Any, Any] = (
        sharpened(student, len(mine), mine_deep, width=16),
        sharpened(teacher, len(theirs), theirs_deep, width=24),
    )
    for model in models if options["attention"] == MAPS else ():
        model.set_attn_implementation("eager")
    options |= {"rate": RATE, "decay": DECAY}
    weights = options.pop("weights", WEIGHTS)
    return Task(*models, mine, theirs, TEXTS, HELD_OUT, weights, temperature, 0.5, blocks, 2, **options)


def _scaled(model: nn.Module, factor: float, **config: Any) -> None:  # noqa: ANN401 - what transformers' configs hold
    """Let a model multiply its logits, as others do whose configuration says so."""
    for name, value in config.items():
        setattr(model.config, name, value)
    model.register_forward_hook(partial(_times, factor))


def _times(factor: float, _model: nn.Module, _inputs: object, out: Any) -> None:  # noqa: ANN401
    out.logits = factor * out.logits


def _cut(model: nn.Module, _inputs: object, out: Any) -> None:  # noqa: ANN401 - transformers' outputs
    out.logits = out.logits[..., : model.config.unpadded_vocab_size]  # type: ignore[union-attr]


def sharpened(kind: Kind, tokens: int, layers: int, width: int, sharpness: float = SHARP) -> nn.Module:
    """A random model. Sharpened, its blocks too: at its size an untrained one hardly looks back."""
    made = tiny.model(
        tokens + SPARE, layers=layers, width=width, seed=layers, sharpness=sharpness, kind=kind[0], **kind[1]
    )
    with torch.no_grad():
        for matrix in (p for p in block_list(made).parameters() if p.ndim > 1):
            matrix.mul_(BLOCKS)
        if (bias := getattr(made.get_output_embeddings(), "bias", None)) is not None:  # type: ignore[operator]
            bias.copy_(torch.linspace(-1.0, 1.0, len(bias)))
    return made.eval().requires_grad_(False)
