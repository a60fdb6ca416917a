"""Light stand-ins for what a loss may be given besides tensors: a `self`, a config, a batch, a model, an output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sad.errors import UserError
from sad.judge import told, trainer_args
from sad.judge.dicts import Batch, Output
from sad.judge.names import CONFIG_ENDS, LOGGING, tokens
from sad.judge.roles import Role, setting
from sad.subjects.divergence import IGNORED


class NeedsAdapterError(UserError):
    """How the code is called cannot be told; the sentence says why, and that an adapter helps.

    ``names`` are parameters or settings that are all that is missing: these can be told one by one.
    """

    def __init__(self, why: str, *names: str) -> None:
        self.why, self.names = why, names
        told = "".join(f" --given {name}=WHAT" for name in names)
        say = f"say it with{told}, or" if names else "say"
        super().__init__(f"{why}; {say} how it is called with --adapter file.py (docs/judge-your-loss.md)")


def untold(*names: str, of: str = "") -> NeedsAdapterError:
    """Return what is said of parameters whose names do not tell what they should be."""
    whose = f" of {of}" if of else ""
    return NeedsAdapterError(f"what {', '.join(names)}{whose} should be cannot be told from the name", *names)


NESTED = {"args", "config", "cfg", "params", "hparams", "kd", "distill", "distillation", "loss", "opt", "model_config"}
NESTED |= {"trainer", "state", "train", "training"}
STEPS = {"global_step", "current_epoch", "current_step", "cur_epoch", "cur_step", "epoch", "step", "iteration"}
WHOLE = {"max_steps", "total_steps", "max_epochs", "num_epochs", "total_epochs", "num_train_epochs", "epochs"}
WHOLE |= {"num_training_steps", "num_train_steps", "estimated_stepping_batches", "max_iters", "num_steps"}
LONG = 100
"""Steps of a whole run."""
PLAIN: dict[str, object] = {
    "training": True,
    "reduction": "mean",
    "eps": 1e-8,
    "epsilon": 1e-8,
    "label_smoothing": 0.0,
    "seq_kd": False,
    "sentence_avg": False,
    **dict.fromkeys(("padding_idx", "pad_idx"), IGNORED),
    "model_accepts_loss_kwargs": True,
    "compute_loss_func": None,
    "label_smoother": None,
    "top_k": None,
    "topk": None,
    **dict.fromkeys(STEPS, 1),
    **dict.fromkeys(WHOLE, LONG),
    **dict.fromkeys(("max_seq_length", "max_length", "max_len", "max_seq_len", "block_size", "seq_length"), 4096),
}
"""What an attribute is where its name is no setting of a divergence."""

PARTS = ("tokenizer", "processing_class")
"""Parts that a trainer's object has, of which ``settings`` have a stand-in."""
FLAGS = ("use_", "is_", "has_", "enable_", "log_", "report_", "with_", "do_", "return_")
"""How the names of switches begin: they are off."""
OF_LOGITS = {"kl", "kld", "kd", "distill", "distillation", "logit", "logits", "soft"}
"""In the names of the terms of a loss that compare logits."""

Settings = Mapping[str, Any]
"""What each setting is at the moment, by its role or by its own name: the temperature, beta, …"""
BETA_IS = "beta is"
"""The entry that says which setting is beta."""


class Asked:
    """The names of settings that were read from a stand-in, by their role."""

    def __init__(self) -> None:
        self.roles: dict[str, Role] = {}
        self.plain: dict[str, object] = {}
        self.globals: dict[str, str] = {}
        self.configs: Mapping[str, Mapping[str, object]] = {}  # defaults of the user's own, by where they are kept
        self.states = ""
        self.unmade: tuple[str, ...] = ()  # what a constructor that is not run takes, and no name tells
        self.linear = False  # whether linear layers of its own stand as the identity
        self.draw = 1
        self.word: Callable[[str], str | None] = lambda _: None  # of those compared, which asks for a divergence

    def default(self, name: str, value: object, settings: Settings) -> object:
        """Return a default, of a top-k every token, and write it down."""
        few = type(value) is int and ({"top", "k"} <= set(tokens(name)) or "topk" in tokens(name))
        self.plain[name] = settings.get(Role.VOCAB, value) if few else value
        return self.plain[name]


class Keyed:
    """Answers to the names of its settings as keys too."""

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - any setting
        return getattr(self, name)

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - any setting
        """Return the setting, or the default where the name is none."""
        try:
            return getattr(self, name)
        except (NeedsAdapterError, AttributeError):
            return default


class Config(Keyed):
    """An object or a dict with the usual settings, at any depth; another name raises ``NeedsAdapterError``."""

    def __init__(self, of: str, settings: Settings, asked: Asked) -> None:
        self.__dict__ |= {"_of": of, "_settings": settings, "_asked": asked}

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any setting
        if name.startswith("__"):
            raise AttributeError(name)
        return found(name, self.__dict__["_of"], self.__dict__["_settings"], self.__dict__["_asked"])

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None


def found(name: str, of: str, settings: Settings, asked: Asked) -> Any:  # noqa: ANN401 - any setting
    """Return what an attribute of a stand-in is by its name, and write down that it was read."""
    if (value := told.value_of(name)) is not told.ABSENT:
        return value
    name = told.meant(name)
    lower = "_".join(tokens(name))
    role = setting(name)
    if role is not None and role in settings:
        asked.roles[name] = role
        if name in settings:
            return settings[name]
        # where another setting is beta, or none is, this one is a weight
        return 0.5 if role is Role.BETA and settings.get(BETA_IS) not in (None, name) else settings[role]
    if lower in PARTS and lower in settings:
        return settings[lower]
    if word := asked.word(name):
        # whatever its name: a source compares it with words
        asked.plain[name] = word
        return word
    if role is Role.CONFIG or lower in NESTED or lower.endswith(CONFIG_ENDS):
        return Config(f"{of}.{name}", settings, asked)
    if lower.endswith(("temperature", "temp")):
        asked.plain[name] = 1.0
        return 1.0
    if lower.endswith(("parallel_size", "world_size")):
        # the loss is judged on one process
        return 1
    if lower in PLAIN or lower.startswith(FLAGS) or lower.endswith("_parallel"):
        asked.plain[name] = settings.get(name, PLAIN.get(lower, False))
        return asked.plain[name]
    if lower.startswith("compute_"):
        # of the terms of a loss the one that is judged
        asked.plain[name] = bool(OF_LOGITS & set(tokens(name)))
        return asked.plain[name]
    if name in (known := trainer_args.known(name, of, asked.configs)):
        return asked.default(name, known[name], settings)
    raise NeedsAdapterError(f"it reads {of}.{name}, whose meaning is not known", name)


def stand_in_self(
    of: type, settings: Settings, asked: Asked, more: Mapping[str, Any], constants: Mapping[str, object] | None = None
) -> Any:  # noqa: ANN401 - an object of that class
    """Return an object of a class whose constructor was not called.

    What its methods read and it lacks is found by name: the usual settings, and ``more``; what has no such name is the
    constant that the constructor would have set it to.
    """
    constants = constants or {}

    def missing(_: object, name: str) -> Any:  # noqa: ANN401 - any setting
        if name.startswith("__"):
            raise AttributeError(name)
        if (value := told.value_of(name)) is not told.ABSENT:
            return value
        name = told.meant(name)
        if name in more:
            return more[name]
        role = setting(name)
        if name in constants and not (role is not None and role in settings):
            return asked.default(name, constants[name], settings)
        return found(name, "self", settings, asked)

    # what only logs asks for a trainer that was set up
    quiet = {name: nothing for name in LOGGING if hasattr(of, name)}
    made: Any = type(of.__name__, (of,), {"__getattr__": missing, **quiet})
    # what an abstract class leaves to others is looked for when it is called
    made.__abstractmethods__ = frozenset()
    stand: Any = object.__new__(made)
    if isinstance(stand, nn.Module):
        nn.Module.__init__(stand)
    return stand


def nothing(*_: object, **__: object) -> None:
    """Log nothing."""


class Model(nn.Module):
    """Returns the same logits whatever it is given, and their cross-entropy where labels are.

    Where logits are rows, [rows, vocab], it is a classifier's: their labels are not shifted. ``bare`` models return
    their logits alone; ``more`` is asked for what a model does not have, a teacher or a setting that it carries.
    """

    def __init__(
        self,
        logits: Tensor,
        labels: Tensor | None = None,
        *,
        bare: bool = False,
        more: Callable[[str], Any] | None = None,
    ) -> None:
        super().__init__()
        self.__dict__["_more"] = more
        self.__dict__["_logits"], self.__dict__["_labels"] = logits, labels
        self.__dict__["_bare"] = bare
        self.anchor = nn.Parameter(torch.zeros((), dtype=logits.dtype))
        self.config = Batch(vocab_size=logits.shape[-1], hidden_size=8, use_cache=False)
        self.device = torch.device("cpu")

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a part of a model, or what it carries
        try:
            return super().__getattr__(name)
        except AttributeError:
            more = self.__dict__.get("_more")
            if more is None or name.startswith("_") or (carried := more(name)) is None:
                raise
            return carried

    def forward(self, *_: Any, **__: Any) -> Any:  # noqa: ANN401 - whatever models take and return
        """Return an output with the logits [batch, length, vocab] or [rows, vocab], or the logits alone."""
        logits, labels = self.__dict__["_logits"], self.__dict__["_labels"]
        if not torch.is_grad_enabled():
            logits = logits.detach()
        if self.__dict__["_bare"]:
            return logits
        loss = {} if labels is None else {"loss": label_loss(logits, labels)}
        return Output(**loss, logits=logits).also(self._states)

    def get_normalized_probs(self, net_output: Any, log_probs: bool, sample: object = None) -> Tensor:  # noqa: ANN401, ARG002
        """Return the probabilities of an output, or their logarithms, as models of fairseq do."""
        if isinstance(net_output, tuple):
            net_output = net_output[0]
        logits = net_output if isinstance(net_output, Tensor) else net_output["logits"]
        return torch.log_softmax(logits, dim=-1) if log_probs else torch.softmax(logits, dim=-1)

    def get_targets(self, sample: Any, net_output: object) -> Any:  # noqa: ANN401, ARG002
        """Return the labels of a batch, as models of fairseq do."""
        return sample["target"]

    def _states(self, name: str) -> Any:  # noqa: ANN401 - hidden states, or None
        """Hidden states: those of both models are alike, so that what is made of them adds nothing."""
        more = self.__dict__["_more"]
        seed = more(name) if name in ("hidden_states", "last_hidden_state") and more is not None else None
        if seed is None:
            return None
        logits, noise = self.__dict__["_logits"], torch.Generator().manual_seed(seed)
        states = torch.randn(*logits.shape[:-1], self.config["hidden_size"], generator=noise).to(logits.dtype)
        return (states,) * 3 if name == "hidden_states" else states


def label_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the loss that a model gives with its logits: a causal model's is over the labels that follow.

    A token is predicted from those before it; over no label at all it is 0 here.
    """
    if logits.ndim == 3:
        logits, labels = logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten()
    loss = F.cross_entropy(logits, labels, reduction="sum", ignore_index=IGNORED)
    return loss / (labels != IGNORED).sum().clamp_min(1)


class RowLoss(nn.CrossEntropyLoss):
    """A cross-entropy that takes logits [batch, length, vocab] too: what a criterion is for differs with its model."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the mean over the rows that have a label."""
        if input.ndim == 3 and input.shape[:-1] == target.shape:
            input, target = input.flatten(0, 1), target.flatten()
        return super().forward(input, target)


IDS = ("inputs", "x", "idx", "ids", "tokens", "input")
"""Names under which models take ids besides ``input_ids``."""


def ids_of(given: Tensor | None, more: Mapping[str, Any]) -> Tensor:
    """Return the ids that a model was called with. Raises TypeError where there are none."""
    found = given if given is not None else next((more[name] for name in IDS if name in more), None)
    if not isinstance(found, Tensor):
        raise TypeError("forward() was given no ids")
    return found
