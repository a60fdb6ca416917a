"""Calls someone's loss on one `Given`: puts each parameter's value together from the role that its name has."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sad.judge.output import loss_of
from sad.judge.roles import Reading, Role, Space, read
from sad.judge.stand_in import (
    BETA_IS,
    Asked,
    Batch,
    Config,
    Model,
    NeedsAdapterError,
    Output,
    stand_in_self,
    trainer_parts,
)
from sad.subjects.divergence import IGNORED, Given

FIXED: dict[Role, Any] = {Role.OFF: 0.0, Role.ON: 1.0, Role.IGNORE: IGNORED, Role.EAGER: False, Role.NONE: None}
WIDE = 2048
"""Tokens from which on a weight that is the identity takes too much memory."""
RULED_OUT = {torch.float16: -3e4, torch.bfloat16: -1e30, torch.float32: -1e30, torch.float64: -1e300}
"""What stands for -inf where logits go through a product with a weight: infinity times zero is no number."""


class StoppedError(Exception):
    """The code under judgement tried to end the process."""


@dataclass(frozen=True, slots=True)
class Form:
    """In which form the values are given, where names alone do not tell."""

    rank: int = 3
    student: Space = Space.LOGITS
    teacher: Space = Space.LOGITS
    chunks: int = 0
    """Logits as a list of this many chunks along the length; 0: one tensor."""
    outputs: bool = False
    """Logits inside a model's output."""
    swapped: bool = False
    """The teacher's come first."""
    masks: torch.dtype = torch.bool
    flipped: bool = False
    """A mask is 1 where a row does not count."""
    longer: bool = False
    """Masks have one place more at the front, as ids have where logits predict the next token."""
    whole: bool = False
    """Labels without -100, for what cannot have it."""
    temperature: float = 1.0
    """The logits are multiplied by this: it undoes a temperature that is fixed inside."""
    beta: str | None = None
    """The parameter or attribute that takes beta, where several could."""


@dataclass
class Call:
    """Someone's loss, and how it is called. ``owner`` is the class that a method was taken from."""

    target: Any
    owner: type | None = None
    form: Form = field(default_factory=Form)
    asked: Asked = field(default_factory=Asked)
    picked: str = ""
    built: Reading | None = field(init=False, default=None)
    reading: Reading = field(init=False)
    settings: dict[str, float] = field(default_factory=dict)
    """Settings by name that are held at a number: the weights that a mixture is judged at."""

    def __post_init__(self) -> None:
        self._function, self._own = self._unwrapped()
        self.reading = read(self._parameters())

    def formed(self, **changes: Any) -> Call:  # noqa: ANN401 - fields of Form
        """Return the same loss, called in another form."""
        settings = changes.pop("settings", self.settings)
        return Call(self.target, self.owner, replace(self.form, **changes), self.asked, settings=settings)

    def takes(self, *roles: Role) -> bool:
        """Whether it can be given this, as a parameter, to its constructor, or through an attribute that it reads."""
        through = self.built is not None and self.built.has(*roles)
        return self.reading.has(*roles) or through or any(role in roles for role in self.asked.roles.values())

    @property
    def hidden(self) -> bool:
        """Whether it takes hidden states and output weights in place of logits."""
        return self.reading.has(Role.STUDENT_WEIGHT, Role.TEACHER_WEIGHT)

    def may_lack(self, *roles: Role) -> bool:
        """Whether every parameter of these roles that it has may be left out."""
        names = [name for role in roles for name in self.reading.named(role)]
        kept = {p.name for p in self._parameters() if p.default is not inspect.Parameter.empty}
        return bool(names) and kept.issuperset(names)

    def watching(self, kept: list[tuple[str, Tensor, Tensor]]) -> Callable[[Given], Tensor]:
        """Return the call, which puts into ``kept`` whose logits they were, before and after."""

        def watched(given: Given) -> Tensor:
            values = Values(self, given)
            pairs = [("student", values.student), ("teacher", values.teacher)]
            before = [(whose, tensor.detach().clone(), tensor) for whose, tensor in pairs]
            loss = self._called(values)
            kept.extend(before)
            return loss

        return watched

    def through(self, given: Given, states: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Call a fused loss on hidden states [batch, length, width] and a weight [vocab, width]; return their gradients."""
        values = Values(self, given)
        values.student = states.clone().requires_grad_()
        values.weight = weight.clone().requires_grad_()
        mine, theirs = torch.autograd.grad(self._called(values), (values.student, values.weight))
        return mine, theirs

    def betas(self) -> list[str]:
        """The names of the settings that could be beta."""
        read_from = [self.reading, *([self.built] if self.built else [])]
        names = [name for reading in read_from for name in reading.named(Role.BETA)]
        return list(dict.fromkeys([*names, *(n for n, role in self.asked.roles.items() if role is Role.BETA)]))

    def __call__(self, given: Given) -> Tensor:
        """Return the scalar loss of one call. Raises what the code raises; ``StoppedError`` where it would have ended us."""
        return self._called(Values(self, given))

    def _called(self, values: Values) -> Tensor:
        try:
            function = self._callable(values)
            returned = function(**self._arguments(values)) if self._own else function(*self._arguments(values).values())
        except (SystemExit, KeyboardInterrupt, GeneratorExit) as error:
            raise StoppedError(f"it raises {type(error).__name__}, which would end the program") from None
        loss, self.picked = loss_of(returned)
        return loss

    def _unwrapped(self) -> tuple[Any, bool]:
        """What is called, and whether by keyword."""
        target = self.target
        if isinstance(target, type) and issubclass(target, torch.autograd.Function):
            return target, False
        return target, True

    def _parameters(self) -> list[inspect.Parameter]:
        target = self.target
        if isinstance(target, type) and issubclass(target, torch.autograd.Function):
            every = list(inspect.signature(target.forward).parameters.values())
            return [p for p in every if p.name not in ("ctx", "cls")]
        if isinstance(target, type):
            self.built = read(self._constructor(target), settings_only=True)
            method = getattr(target, "forward", None) or target.__dict__.get("__call__")
            if method is None:
                raise NeedsAdapterError(f"objects of {target.__name__} are not called{methods_of(target)}")
            return list(inspect.signature(method).parameters.values())[1:]
        if isinstance(target, nn.Module):
            return list(inspect.signature(target.forward).parameters.values())
        if isinstance(target, classmethod):
            return list(inspect.signature(target.__func__).parameters.values())[1:]
        try:
            every = list(inspect.signature(target).parameters.values())
        except (TypeError, ValueError):
            raise NeedsAdapterError(f"{getattr(target, '__name__', target)} has no signature to read") from None
        return every[1:] if self._bound(every) else every

    def _constructor(self, target: type) -> list[inspect.Parameter]:
        if target.__init__ is object.__init__ or target.__init__ is nn.Module.__init__:
            return []
        return list(inspect.signature(target.__init__).parameters.values())[1:]

    def _bound(self, every: list[inspect.Parameter]) -> bool:
        """Whether a function is a method whose `self` must be given."""
        return self.owner is not None and bool(every) and every[0].name in ("self", "cls")

    def _callable(self, values: Values) -> Callable[..., Any]:
        target = self._function
        if isinstance(target, type) and issubclass(target, torch.autograd.Function):
            return target.apply  # type: ignore[no-any-return]
        if isinstance(target, type):
            assert self.built is not None
            if self.built.unread:
                raise NeedsAdapterError(f"{target.__name__}() needs {', '.join(self.built.unread)}")
            made = target(**{n: values.of(r, n) for n, r in self.built.roles.items() if not values.left(r, n)})
            return made  # type: ignore[no-any-return]
        if isinstance(target, classmethod):
            return target.__get__(None, self.owner)  # type: ignore[no-any-return]
        if not inspect.isclass(target) and self.owner is not None:
            every = list(inspect.signature(target).parameters.values())
            if self._bound(every):
                parts = trainer_parts(lambda: Model(values.teacher))
                first = stand_in_self(self.owner, values.settings, self.asked, parts)
                return lambda *args, **named: target(first, *args, **named)
        return target  # type: ignore[no-any-return]

    def _arguments(self, values: Values) -> dict[str, Any]:
        if self.reading.unread:
            raise NeedsAdapterError(f"what {', '.join(self.reading.unread)} should be cannot be told from the name")
        roles = self.reading.roles
        if not self._own:
            return {name: values.positional(role, name) for name, role in roles.items()}
        positional_only = {p.name for p in self._parameters() if p.kind is inspect.Parameter.POSITIONAL_ONLY}
        if positional_only:
            self._own = False
            return {name: values.of(role, name) for name, role in roles.items() if name in positional_only}
        return {name: values.of(role, name) for name, role in roles.items() if not values.left(role, name)}


class Values:
    """The values of one call, by role."""

    def __init__(self, call: Call, given: Given) -> None:
        self.call, self.given, self.form = call, given, call.form
        self.student = self._logits(given.student_logits)
        self.teacher = self._logits(given.teacher_logits)
        self.weight: Tensor | None = None
        self.settings: dict[str, Any] = {
            **call.settings,
            BETA_IS: self.form.beta,
            **FIXED,
            Role.TEMPERATURE: given.temperature,
            Role.BETA: given.beta,
            Role.VOCAB: given.student_logits.shape[-1],
            Role.COUNT: self._count(),
        }

    def left(self, role: Role, name: str) -> bool:
        """Whether a parameter keeps its default."""
        other = role is Role.BETA and self.form.beta not in (None, name) and name not in self.call.settings
        absent = (role is Role.COUNT and self.given.count is None) or (
            role in (Role.LABELS, Role.MASK, Role.PADDING, Role.IDS) and self.given.labels is None
        )
        return role is Role.DEFAULT or ((other or absent) and self._has_default(name))

    def positional(self, role: Role, name: str) -> Any:  # noqa: ANN401 - any value
        """Return the value, or the default, where all are given by position."""
        every = {p.name: p for p in self.call._parameters()}  # noqa: SLF001
        if not self.left(role, name):
            return self.of(role, name)
        default = every[name].default
        return None if default is inspect.Parameter.empty else default

    def of(self, role: Role, name: str) -> Any:  # noqa: ANN401, C901 - any value, one line a role
        """Return what a parameter of this role is given."""
        if name in self.call.settings:
            return self.call.settings[name]
        if role is Role.BETA:
            return self.given.beta if self.form.beta in (None, name) else 0.5
        if role in self.settings:
            return self.settings[role]
        if role in (Role.STUDENT, Role.TEACHER):
            return self._side(role)
        match role:
            case Role.STUDENT_WEIGHT | Role.TEACHER_WEIGHT:
                return self._weight(role)
            case Role.LABELS:
                return self._flat(self.labels)
            case Role.IDS:
                return self._flat(self.labels.clamp_min(0))
            case Role.MASK | Role.PADDING:
                return self._mask(name, padding=role is Role.PADDING)
            case Role.BATCH:
                return self._batch()
            case Role.LABEL_LOSS:
                return F.cross_entropy(self.student.flatten(0, 1), self.labels.flatten())
            case Role.CONFIG:
                return Config(name, self.settings, self.call.asked)
            case Role.MODEL:
                return Model(self.student, self.labels)
            case Role.TEACHER_MODEL:
                return Model(self.teacher)
        raise NeedsAdapterError(f"what {name} should be cannot be told from the name")

    @property
    def labels(self) -> Tensor:
        """The labels [batch, length]; where none are given, every row has the token that the teacher holds likeliest."""
        if self.given.labels is not None and not self.form.whole:
            return self.given.labels
        if self.given.labels is not None:
            return self.given.labels.clamp_min(0)
        return self.given.teacher_logits.detach().float().argmax(dim=-1)

    def _logits(self, logits: Tensor) -> Tensor:
        # a copy that is no leaf: what changes its input in place may do so in training too
        logits = logits * self.form.temperature if self.form.temperature != 1 else logits.clone()
        if self.call.hidden and logits.isinf().any():
            # a product with a weight makes a row of nothing but -inf NaN; one such token can come by a bias alone
            hopeless = logits.isneginf().all(dim=-1, keepdim=True)
            logits = logits.clamp_min(RULED_OUT.get(logits.dtype, -1e4)).masked_fill(hopeless, torch.nan)
        return logits

    @property
    def _wide(self) -> bool:
        """Whether the identity of the vocabulary is too large: then the states are one, and the logits the weight."""
        return self.given.student_logits.shape[-1] > WIDE

    def _weight(self, role: Role) -> Tensor:
        mine = role is Role.STUDENT_WEIGHT
        if mine and self.weight is not None:
            return self.weight
        logits = self.student if mine else self.teacher
        if self._wide:
            return logits.flatten(0, 1).T.contiguous()
        identity = torch.eye(self.given.student_logits.shape[-1], dtype=logits.dtype)
        return identity.requires_grad_() if mine else identity

    def _side(self, role: Role) -> Any:  # noqa: ANN401 - a tensor, a list of them, or an output
        mine = (role is Role.STUDENT) != self.form.swapped
        logits = self.student if mine else self.teacher
        space = self.form.student if mine else self.form.teacher
        if space is not Space.LOGITS:
            logits = torch.log_softmax(logits, dim=-1) if space is Space.LOG_PROBS else torch.softmax(logits, dim=-1)
        if self.call.hidden and self._wide:
            return torch.eye(logits.shape[0] * logits.shape[1], dtype=logits.dtype).requires_grad_()
        if self.form.chunks:
            return list(logits.chunk(self.form.chunks, dim=1))
        logits = self._flat(logits)
        return Output(logits=logits) if self.form.outputs else logits

    def _flat(self, tensor: Tensor) -> Tensor:
        return tensor.flatten(0, 1) if self.form.rank == 2 else tensor

    def _mask(self, name: str, *, padding: bool) -> Tensor:
        counts = self.labels != IGNORED
        counts = ~counts if padding != self.form.flipped else counts
        if self.form.longer:
            counts = torch.cat([torch.zeros_like(counts[:, :1]), counts], dim=1)
        dtype = (
            torch.long if name in ("attention_mask", "attn_mask") and self.form.masks is torch.bool else self.form.masks
        )
        return self._flat(counts).to(dtype)

    def _batch(self) -> Batch:
        labels, ids = self._flat(self.labels), self._flat(self.labels.clamp_min(0))
        batch = Batch(input_ids=ids, labels=labels, label=labels, target=labels, targets=labels)
        batch["attention_mask"] = self._mask("attention_mask", padding=False)
        for name in ("loss_mask", "completion_mask", "response_mask", "token_mask", "mask"):
            batch[name] = self._mask(name, padding=False)
        batch["sample_mask"] = torch.ones(len(self.given.student_logits))
        # a trainer cuts the prompts off by their length
        batch["prompts"] = batch["prompt_ids"] = ids[:, :1] if ids.ndim > 1 else ids[:1]
        return batch

    def _count(self) -> Any:  # noqa: ANN401 - a number or None
        return self.given.count if self.given.count is not None else int((self.labels != IGNORED).sum())

    def _has_default(self, name: str) -> bool:
        readings = [self.call._parameters(), *([self.call._constructor(self.call.target)] if self.call.built else [])]  # noqa: SLF001
        return any(p.name == name and p.default is not inspect.Parameter.empty for some in readings for p in some)


def methods_of(target: type) -> str:
    """Name the methods of a class that look like losses."""
    names = [
        n for n in vars(target) if any(w in n for w in ("loss", "kl", "jsd", "diverg")) and callable(getattr(target, n))
    ]
    return f"; name a method: {', '.join(names[:4])}" if names else ""
