"""The values of one call, by role."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sad.judge.dicts import Batch, Output
from sad.judge.losses.configured import holding, made
from sad.judge.losses.form import Form
from sad.judge.losses.labelled import counting
from sad.judge.losses.layers import Projection, compared, for_a_product, layers_of
from sad.judge.losses.lists import ids_of
from sad.judge.names import OF_EXAMPLES, TEACHER_MODELS, THEIRS, tokens
from sad.judge.parts import Head, Marked, inner, is_called, pad_for
from sad.judge.roles import Role, Space, setting
from sad.judge.stand_in import BETA_IS, PARTS, Asked, Config, Model, label_loss, untold
from sad.subjects.divergence import IGNORED, Given

FIXED: dict[Role, Any] = {Role.OFF: 0.0, Role.ON: 1.0, Role.IGNORE: IGNORED, Role.EAGER: False, Role.NONE: None}
FIXED |= {Role.ONE: 1, Role.SMOOTHING: 0.1, Role.FLAG: False}
WIDE = 2048
"""Tokens from which on a weight that is the identity takes too much memory."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What a loss asks for: in which form, with which settings held at a number, through which stand-ins.

    ``defaults`` are those of its parameters; ``hidden`` is True where it takes hidden states and output weights.
    """

    form: Form
    settings: Mapping[str, float]
    asked: Asked
    defaults: Mapping[str, Any]
    hidden: bool
    words: Mapping[str, Any] = field(default_factory=dict)
    """The kind of loss, by parameter, where it must be named."""
    classes: Mapping[str, type] = field(default_factory=dict)
    """The class of the user's own that a configuration must be an object of, by parameter."""
    lists: Collection[str] = ()
    """The parameters that take the numbers of listed tokens alone."""
    layered: Collection[str] = ()
    text: str = ""
    """The parameters that take a list of layers, and the source."""
    batched: bool = False
    """Whether it takes a batch."""
    ignored: int = IGNORED
    """The label of a row that does not count."""
    padding: int = 0
    """The id of a token that is none."""


class Values:
    """The values of one call, by role."""

    def __init__(self, asking: Asking, given: Given) -> None:
        self.call, self.given, self.form = asking, given, asking.form
        self.student = self._logits(given.student_logits)
        self.teacher = self._logits(given.teacher_logits)
        self.weight: Tensor | None = None
        # a copy: what changes its labels in place must not change those of the next call
        self.own_labels = None if given.labels is None else given.labels.clone()
        self.settings: dict[str, Any] = {
            **asking.settings,
            BETA_IS: self.form.beta,
            **{str(role): value for role, value in FIXED.items()},
            Role.TEMPERATURE: given.temperature,
            Role.BETA: given.beta,
            Role.VOCAB: given.student_logits.shape[-1],
            Role.COUNT: self._count(),
            **dict.fromkeys(PARTS, Marked(pad_for(asking.text))),
            **dict.fromkeys(("padding_idx", "pad_idx"), asking.ignored),
        }

    def left(self, role: Role, name: str) -> bool:
        """Whether a parameter keeps its default; one that is held at a value does not."""
        if name in self.call.settings:
            return False
        other = role is Role.BETA and self.form.beta not in (None, name)
        absent = (role is Role.COUNT and self.given.count is None) or (
            role in (Role.LABELS, Role.MASK, Role.PADDING, Role.IDS) and self.given.labels is None
        )
        return role is Role.DEFAULT or ((other or absent) and name in self.call.defaults)

    def positional(self, role: Role, name: str) -> Any:  # noqa: ANN401 - any value
        """Return the value, or the default, where all are given by position."""
        return self.call.defaults.get(name) if self.left(role, name) else self.of(role, name)

    def of(self, role: Role, name: str) -> Any:  # noqa: ANN401, C901 - any value, one line a role
        """Return what a parameter of this role is given."""
        if name in self.call.settings:
            return self.call.settings[name]
        if role is Role.BETA:
            return self.given.beta if self.form.beta in (None, name) else 0.5
        if role in self.settings:
            return self.settings[role]
        if role in (Role.STUDENT, Role.TEACHER):
            return self._side(role, name)
        match role:
            case Role.STUDENT_WEIGHT | Role.TEACHER_WEIGHT:
                return self._weight(role, name)
            case Role.LABELS:
                return self._flat(self.labels)
            case Role.IDS:
                return self._flat(self.ids)
            case Role.MASK | Role.PADDING:
                return self._mask(padding=role is Role.PADDING)
            case Role.TAIL:
                return self._flat(torch.zeros(self.student.shape[:2], dtype=self.student.dtype))
            case Role.LISTED:
                return self._flat(ids_of(self.teacher, self.form.listed))
            case Role.POSITIONS:
                return self._flat(torch.arange(self.student.shape[1]).expand(self.student.shape[:2]))
            case Role.TOPK:
                return self.form.listed or self.settings[Role.VOCAB]
            case Role.ACTIVE:
                return list(range(self.form.listed or self.settings[Role.VOCAB]))
            case Role.PROJECTION:
                return Projection()
            case Role.LAYERS:
                return compared(name, self.call.text)
            case Role.ONES:
                each = 1 if self.form.rank == 3 and set(tokens(name)) & OF_EXAMPLES else 2
                return self._flat(torch.ones(self.given.student_logits.shape[:each], dtype=self.student.dtype))
            case Role.OBJECT:
                reads = "tokenizer" in name or name in PARTS
                return self.settings[PARTS[0]] if reads else Config(name, self.settings, self.call.asked)
            case Role.CRITERION:
                return nn.CrossEntropyLoss(ignore_index=IGNORED)
            case Role.BATCH:
                return self._batch()
            case Role.LABEL_LOSS:
                # what is judged is the divergence beside it
                return self.student.sum() * 0
            case Role.CONFIG:
                of = self.call.classes.get(name)
                return made(of, self.settings, self.call.asked) if of else Config(name, self.settings, self.call.asked)
            case Role.MODEL:
                return self.model()
            case Role.TEACHER_MODEL:
                return self.teacher_model()
            case Role.OUTPUT:
                return self._flat(self.student), {}
            case Role.WORD:
                if name in self.call.words:
                    return self.call.words[name]
        raise untold(name)

    def on_self(self, role: Role) -> Tensor:
        """The logits of one side, where its object keeps them."""
        return self._flat(self.student if role is Role.STUDENT else self.teacher)

    def model(self) -> Model:
        """The student, which knows its logits and the labels."""
        logits, labels = self._flat(self.student), self._flat(self.labels)
        return Model(logits, labels, bare=self.form.bare, more=lambda n: inner(n, logits) or self._carried(n))

    def _carried(self, name: str) -> Any:  # noqa: ANN401 - a teacher, a number, or None
        """What a model carries beside its own parts, where it is the whole of a distillation."""
        if name in TEACHER_MODELS:
            return self.teacher_model()
        if told := self._states(name):
            return told
        role = setting(name)
        return self.settings[role] if role in (Role.ON, Role.OFF, Role.TEMPERATURE, Role.BETA) else None

    def teacher_model(self) -> Model:
        """The teacher, which knows its logits."""
        logits = self._flat(self.teacher)
        return Model(logits, bare=self.form.bare, more=lambda name: inner(name, logits) or self._states(name))

    def _states(self, name: str) -> int | None:
        """The seed of the hidden states that a model is asked for, which is written down; None for another name."""
        if name not in ("hidden_states", "last_hidden_state"):
            return None
        self.call.asked.states = "hidden states of both models are alike: what is made of them is not judged"
        return self.call.asked.draw

    @property
    def labels(self) -> Tensor:
        """The labels [batch, length]; where none are given, the teacher's likeliest tokens."""
        if self.own_labels is not None:
            if self.form.whole:
                return self.own_labels.clamp_min(0)
            if self.call.ignored == IGNORED:
                return self.own_labels
            some = counting(self.own_labels, self.call.ignored, self.given.student_logits.shape[-1])
            return some.masked_fill(self.own_labels == IGNORED, self.call.ignored)
        return self.given.teacher_logits.detach().float().argmax(dim=-1)

    @property
    def ids(self) -> Tensor:
        """The ids [batch, length]: those of the labels, padding where there is none."""
        vocab = self.given.student_logits.shape[-1]
        if self.call.padding == 0 or not 0 <= self.call.padding < vocab:
            return self.labels.clamp_min(0)
        return counting(self.labels, self.call.padding, vocab).masked_fill(self.labels < 0, self.call.padding)

    def _logits(self, logits: Tensor) -> Tensor:
        # a copy that is no leaf: what changes its input in place may do so in training too
        logits = logits * self.form.temperature if self.form.temperature != 1 else logits.clone()
        return for_a_product(logits) if self.call.hidden and logits.isinf().any() else logits

    @property
    def _wide(self) -> bool:
        """Whether the identity of the vocabulary is too large: then the states are one, and the logits the weight."""
        return self.given.student_logits.shape[-1] > WIDE

    def _weight(self, role: Role, name: str) -> Tensor | nn.Module:
        """Return an output weight: a matrix, or the layer that has it where the source calls it."""
        return Head(self._matrix(role)) if is_called(name, self.call.text) else self._matrix(role)

    def _matrix(self, role: Role) -> Tensor:
        mine = role is Role.STUDENT_WEIGHT
        if mine and self.weight is not None:
            return self.weight
        logits = self.student if mine else self.teacher
        if self._wide:
            return logits.flatten(0, 1).T.contiguous()
        identity = torch.eye(self.given.student_logits.shape[-1], dtype=logits.dtype)
        return identity.requires_grad_() if mine else identity

    def _side(self, role: Role, name: str) -> Any:  # noqa: ANN401 - a tensor, a list of them, or an output
        mine = (role is Role.STUDENT) != self.form.swapped
        logits = self.student if mine else self.teacher
        space = self.form.student if mine else self.form.teacher
        if space is not Space.LOGITS:
            logits = logits / self.given.temperature if self.form.softened and not mine else logits
            logits = torch.log_softmax(logits, dim=-1) if space is Space.LOG_PROBS else torch.softmax(logits, dim=-1)
        if name in self.call.lists:
            logits = logits.gather(-1, ids_of(self.teacher, self.form.listed))
        if self.call.hidden and self._wide:
            states = torch.eye(logits.shape[0] * logits.shape[1], dtype=logits.dtype).requires_grad_()
            return states.view(*logits.shape[:2], -1) if self.form.rank == 3 else states
        if self.form.chunks:
            cut = logits.tensor_split if self.form.even else logits.chunk
            return list(cut(self.form.chunks, dim=1))
        logits = self._flat(logits)
        if name in self.call.layered:
            return layers_of(logits, name)
        if name in self.call.classes and (told := holding(self.call.classes[name], logits)) is not None:
            return told
        # beside an output, what is named logits is those
        if self.form.outputs and (self.form.alike or "logits" not in tokens(name)):
            loss = {} if self.own_labels is None else {"loss": label_loss(logits, self._flat(self.labels))}
            return Output(logits=logits, **loss)
        if self.form.first:
            return [logits]
        return (logits, logits) if mine and self.form.pairs else logits

    def _flat(self, tensor: Tensor) -> Tensor:
        if self.form.rank == 4:
            return (tensor.transpose(1, 2) if tensor.ndim == 3 else tensor)[..., None].contiguous()
        return tensor.flatten(0, 1) if self.form.rank == 2 else tensor

    def _mask(self, *, padding: bool) -> Tensor:
        counts = self.labels != self.call.ignored
        counts = ~counts if padding != self.form.flipped else counts
        # beside a batch, whose labels the loss shifts itself, a mask is of the rows that are left
        counts = self._flat(counts if self.call.batched else self._longer(counts, 0))
        return (counts[..., None] if self.form.column else counts).to(self.form.masks)

    def _longer(self, tensor: Tensor, entry: int) -> Tensor:
        """Put one place more at the front, of this entry, where the form is so."""
        return F.pad(tensor, (1, 0), value=entry) if self.form.longer else tensor

    def _batch(self) -> Batch:
        labels, ids = (self._flat(self._longer(x, e)) for x, e in ((self.labels, self.call.ignored), (self.ids, 0)))
        batch = Batch(input_ids=ids, labels=labels, label=labels, target=labels, targets=labels).also(self._cached)
        mask = self._mask(padding=False)
        batch |= dict.fromkeys(("loss_mask", "completion_mask", "response_mask", "token_mask", "mask"), mask)
        # a tokenizer's is of integers
        batch["attention_mask"] = mask.long() if mask.dtype is torch.bool else mask
        batch["sample_mask"] = torch.ones(len(self.given.student_logits))
        # a trainer cuts the prompts off by their length
        batch["prompts"] = batch["prompt_ids"] = ids[:, :1] if ids.ndim > 1 else ids[:1]
        return batch

    def _cached(self, name: str) -> Any:  # noqa: ANN401 - a tensor, a number, or None
        """What a batch may have besides: the teacher's logits, of a run before, and its sizes; None for other names."""
        words = set(tokens(name)) if isinstance(name, str) else set()
        if name in ("ntokens", "nsentences"):
            return self._count() if name == "ntokens" else len(self.given.student_logits)
        if name in ("src_tokens", "prev_output_tokens", "src_lengths"):
            return self.ids if name != "src_lengths" else self._mask(padding=False).sum(dim=-1)
        cached = words == {"logits"} or (bool(words & THEIRS) and "logits" in words and len(words) == 2)
        return self._flat(self.teacher.detach()) if cached else None

    def _count(self) -> Any:  # noqa: ANN401 - a number or None
        return self.given.count if self.given.count is not None else int((self.labels != self.call.ignored).sum())
