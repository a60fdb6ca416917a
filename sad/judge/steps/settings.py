"""An object of settings, as loops read them: `args.max_grad_norm`, `config["device"]`; each is told by its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sad.judge import told
from sad.judge.declared import is_section, members
from sad.judge.stand_in import FLAGS, Keyed
from sad.judge.steps.roles import SECTIONS, is_config, listed
from sad.judge.unknown import Unknown

CONFIGS = (
    "args",
    "config",
    "cfg",
    "hparams",
    "conf",
    "train_config",
    "training_args",
    "train_args",
    "opts",
    "eval",
    "eval_args",
)
"""The names of a parameter that is one."""
NEVER = 10**9
"""Steps between two things that are not looked at: what is logged, scored or saved on the way."""
ASIDE = re.compile(
    r"(log|print|eval|val|save|ckpt|checkpoint|report|display|sample|viz)\w*_(interval|every|freq|iters?|steps?)$"
)
OFTEN = re.compile(r"(interval|every|freq|frequency)$")
PLACE = re.compile(
    r"(^|_)(dir|directory|folder|path)$"
    r"|(model|dataset|data|tokenizer|config|train|test|valid|validation|eval)\w*_(name|file|id)$|(^|_)(model|dataset)$"
)
WHETHER = re.compile(r"(save|load|reload|resume|eval|freeze|merge|push|log)_(best_|last_|final_)?(model|dataset)")
"""What is done with a model or its data, or is not."""
NAMED = re.compile(r"(run|exp|experiment|project|wandb|group)_?(name|title|tag)|experiment")
"""What a run is called."""
SAVED = re.compile(r"(\w+_)?(snapshot|checkpoint|ckpt|resume)(_\w+)?_path")
"""Where a run that goes on finds what was saved: none was."""
STATE = re.compile(r"(train(ing)?_)?state")
"""An object that counts as its run goes on."""
SPARE = re.compile(r"^(log|print|eval|save)_")
"""What is done on the way: how often, or whether at all."""
PLAIN: Mapping[str, Any] = {
    **dict.fromkeys(
        ("dry_run", "distributed", "debug", "verbose", "fp16", "bf16", "amp", "no_cuda", "no_accel"), False
    ),
    **dict.fromkeys(("n_gpu", "world_size", "num_gpus", "ngpus_per_node"), 1),
    **dict.fromkeys(("rank", "gpu_id", "start_epoch"), 0),
    "local_rank": -1,
    **dict.fromkeys(("gpu", "resume", "wandb", "logger", "max_train_steps", "max_eval_steps"), None),
    **dict.fromkeys(("max_train_step", "max_eval_step"), NEVER),
    "print_freq": NEVER,
}


class Never(int):
    """A number of steps that is never reached, and a switch that is off."""

    def __bool__(self) -> bool:
        return False


class Place(str):
    """A path, or the name of a model. Where it is a group of settings in its program, it has those too."""

    inside: Settings

    def __new__(cls, of: str, parent: Settings) -> Place:
        """Make the folder that is open, of settings that have it; or a file that is not in it yet."""
        made = super().__new__(cls, "saved" if SAVED.fullmatch(of.rpartition(".")[2].lower()) else ".")
        inside = vars(parent)
        made.inside = Settings(of, inside["_known"], inside["_declares"], inside["_asked"])
        return made

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any setting
        return getattr(self.inside, name)

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - any setting, or a part of the path
        return self.inside[key] if isinstance(key, str) else super().__getitem__(key)


class Settings(Keyed):
    """Answers to the names of settings, as attributes and as keys: ``known`` ones, those whose name tells them, and
    those that its program ``declares``. Another name is off, and nothing to compute with. The known numbers that are
    read are written down in ``asked``.
    """

    def __init__(
        self,
        of: str,
        known: Mapping[str, Any],
        declares: Mapping[str, Any] | None = None,
        asked: set[str] | None = None,
    ) -> None:
        asked = set() if asked is None else asked
        self.__dict__ |= {"_of": of, "_known": known, "_declares": declares or {}, "_asked": asked}

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any setting
        if name.startswith("__"):
            raise AttributeError(name)
        if (value := told.value_of(name)) is not told.ABSENT:
            return value
        return self._found(told.meant(name))

    def _found(self, name: str) -> Any:  # noqa: ANN401
        of, lower, known = self.__dict__["_of"], name.lower(), self.__dict__["_known"]
        declares = self.__dict__["_declares"]
        if lower in known and isinstance(known[lower], int | float):
            self.__dict__["_asked"].add(lower)
        for values in (known, PLAIN):
            if lower in values:
                said = declares.get(lower)
                # a path, or the name of an optimizer, where a command line or a file says so
                other = isinstance(said, str) and (is_thing(values[lower]) or (values[lower] is None and not said))
                return said if other else values[lower]
        if ASIDE.search(lower) or OFTEN.search(lower):
            return NEVER
        placed = PLACE.search(lower) and not WHETHER.fullmatch(lower)
        if placed and not isinstance(declares.get(lower), Mapping):
            return Place(f"{of}.{name}", self)
        if NAMED.fullmatch(lower):
            return "run"
        if SPARE.search(lower) or WHETHER.fullmatch(lower):
            return Never(NEVER)
        if lower.startswith(FLAGS):
            return False
        section = lower in declares and is_section(declares[lower])
        if section or SECTIONS.fullmatch(lower):
            inside = members(declares[lower]) if section else declares
            return Settings(f"{of}.{name}", known, inside, self.__dict__["_asked"])
        if (meant := listed(name, set(known))) in known and not is_thing(known[meant]):
            self.__dict__["_asked"].add(name)
            return known[meant]
        if lower in declares:
            return declares[lower]
        return 0 if lower == "step" and STATE.fullmatch(of) else Unknown(f"{of}.{name}" if of else name)

    def __setitem__(self, name: str, value: Any) -> None:  # noqa: ANN401 - any setting
        setattr(self, name, value)

    def keys(self) -> Iterable[str]:
        """Return what is declared, as what is unpacked (``**config``) is asked for."""
        return list(self.__dict__["_declares"])

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - any setting
        """Return the setting, or the default where its meaning is not known."""
        found = getattr(self, name)
        return default if isinstance(found, Unknown) else found


def plain(known: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what of known names are settings: a file or a command line has no models and loaders."""
    return {name: value for name, value in known.items() if not is_thing(value)}


def is_thing(value: object) -> bool:
    """Whether a value is no setting, but a model, a loader or another thing that has the name of one."""
    return not isinstance(value, int | float | str | tuple | None)


def settings_read(source: str, names: Iterable[str]) -> list[str]:
    """Return which settings a source reads from parameters of these names, in the order in which it does."""
    found: list[str] = []
    for name in names:
        if name.lower() in CONFIGS or is_config(name):
            part = rf"(?:\.(?:get\(\s*['\"])?|\[['\"])(?:{SECTIONS.pattern})(?:['\"]\])?"
            read = re.finditer(rf"\b{re.escape(name)}(?:{part})?(?:\.(?:get\(\s*['\"])?|\[['\"])(\w+)", source)
            found += [match[1] for match in read]
    return list(dict.fromkeys(found))
