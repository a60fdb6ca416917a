"""What the name of a parameter or of a setting says that it is, where it is none of those that are listed.

`net_t`, `student_optimizer`, `args.n_epochs`, `grad_clip_value`: each is read as the listed name that it means.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from inspect import Parameter

CANONICAL: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"optimizers?_(and_)?(lr_)?sched(uler)?s?", "optimizer_and_scheduler"),
        (
            r"(start|initial|init|resume|current|cur)(ing)?_(step|iter|iteration|batch)(_num|_idx)?|iter_num|(iter|step)_count"
            r"|\w+_seen",
            "global_step",
        ),
        (
            r"(teacher|ref|reference|expert|big|large)_?(model|net|network|lm|llm|module)s?|(model|net)_?(teacher|t)",
            "teacher",
        ),
        (
            r"(?!\w*config)\w*(?<!d)(?<!save)(?<!load)(?<!ema)(?<!best)(?<!reward)_(student|model|net|network|lm)",
            "model",
        ),
        (r"(student|s|my|base|small|tiny)_?(model|net|network|lm|llm)|(model|net)_?(student|s)", "model"),
        (r"gpt2?|llm|transformer|network|policy|learner", "model"),
        (r"\w*optimi[sz]er(_?\w)?|\w+_optim|optim_\w+|opt_\w", "optimizer"),
        (r"\w*sched(uler|ule)?(_?\w)?", "scheduler"),
        (r"(val|valid|validation|eval|dev|test)\w*(loader|dl|iter|iterator|data|dataset|set|batches|ds)", "val_loader"),
        (r"\w*(loader|_dl|_iter|iterator|_batches|trainset|train_set|_ds)", "loader"),
        (r"\w*grad\w*_acc\w*|\w*accumul\w*|\w*_accum\w*|accum\w*", "accumulation_steps"),
        (r"\w*clip\w*|\w*max_?(grad_?)?norm\w*", "grad_clip"),
        (
            r"(n|nb|num|max|total|train|number_of|no_of)_?(train_)?epochs?|epochs_num|epoch_num|n_?epoch|num_epoch",
            "epochs",
        ),
        (r"(learning|student|init|initial|base|peak|max)_?(learning_)?(rate|lr)", "lr"),
        (r"\w*warm_?up_?(steps?|iters?|iterations)", "warmup_steps"),
        (
            r"\w*crit(erion)?|(ce_?|cross_?entropy_?|lm_?|token_?|base_?)?(loss|loss_?(fn|func|function|fct|f))|cross_?entropy",
            "criterion",
        ),
        (r"(kd|kl|distill?|distillation|soft|softmax)?_?temp(erature)?s?|temperature_\w+", "temperature"),
        (r"weight_decay|wd|label_smoothing|smoothing|\w*dropout", "weight_decay"),
        (r"(\w+_)?(alpha|beta|gamma|lambd?a?)(_\w+)?|w_\w+|\w+_(weight|coef|coeff|coefficient|ratio)", "alpha"),
        (r"\w*device", "device"),
        (r"(train_|mini_|micro_|input_)?(batch|inputs|examples)(_data|_dict)?", "batch"),
    )
)
"""Which of the listed names a name means, the first that fits the whole of it."""
DISTANCE = re.compile(r"(^|_)(kl|kd|kld|distil\w*|mse|cos\w*|hidden|teacher|soft)(_|$)")
"""A criterion of this kind is none for labels: what it takes is not told by its name."""
SECTIONS = re.compile(
    r"train|training|trainer|trainer_args|train_args|distill|distillation|kd|optim|optimization|loss|hparams|hyperparameters"
    r"|hyper_params|params|data|model_args|training_args|train_config|kd_config|distill\w*_(?:args|config)|logging|eval"
)
"""Parts of a configuration."""
CONFIG = re.compile(
    r"(\w+_)?(args|config|cfg|conf|hparams|options|opts|settings|arguments|hyperparameters|hyperparams)"
    r"(_(student|teacher|model))?|(train(ing)?_)?state"
)


def listed(name: str, known: frozenset[str] | set[str]) -> str:
    """Return the listed name that a name means; the name itself, in lower case, where it is listed or means none."""
    lower = name.lower().lstrip("_")
    if lower in known:
        return lower
    for pattern, meant in CANONICAL:
        if pattern.fullmatch(lower) and not (meant == "criterion" and DISTANCE.search(lower)):
            return meant
    return lower


def is_config(name: str) -> bool:
    """Whether a name is that of an object of settings."""
    return bool(CONFIG.fullmatch(name.lower()))


def is_teacher(name: str) -> bool:
    """Whether a name is that of a teacher."""
    return "teacher" in name.lower() or listed(name, {"teacher"}) == "teacher"


def unlisted(every: Iterable[Parameter], known: frozenset[str]) -> list[str]:
    """Return the names of parameters that must be given and that are none of the ``known`` ones."""
    return [one.name for one in every if one.default is one.empty and listed(one.name, known) not in known]
