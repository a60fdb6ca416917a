"""What a metric's name means by its words, where no table has it whole: ``avgDistillLoss``, ``total_grad_norm``.

A name counts only if every word of it is known: ``kd_loss_of_layer_3`` is none of ours.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from sad_doctor import names

_WORD = re.compile(r"(?<![A-Za-z])[lL]2(?!\d)|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_MOST = 7
"""Most words of a name; anything longer is a sentence."""

_EVAL = frozenset({"eval", "evaluation", "val", "valid", "validation", "dev", "test", "heldout"})
_HELD_OUT = re.compile(rf"(?:^|/)(?:{'|'.join(sorted(_EVAL))}|held_?out)(?=$|[/_\-. ])", re.IGNORECASE)
"""A word of an evaluation at the beginning of a name, or of one of its folders."""
_TRAIN = frozenset(
    {"train", "training", "trainer", "tr", "trn", "metrics", "metric", "log", "logs", "scalars", "stats", "perf"}
    | {"charts", "params"}
)
_AVERAGED = frozenset(
    {"avg", "average", "averaged", "mean", "running", "smoothed", "smooth", "ema", "current", "cur", "curr", "last"}
    | {"batch", "minibatch", "micro", "step", "iter", "iteration", "per", "tok", "item", "value", "reduced", "global"}
)
"""Words that say how a value was taken, and do not change what it is."""
_LOSS = frozenset({"loss", "losses"})
_TOTAL = frozenset({"total", "tot", "overall", "combined", "final", "full", "sum", "all", "objective", "joint"})

_GRADIENT = frozenset({"grad", "grads", "gradient", "gradients", "gn"})
_NORM = frozenset({"norm", "norms", "l2"})
_OF_ALL = frozenset(
    {"total", "global", "all", "pre", "before", "clip", "clipping", "preclip", "unclipped", "model", "student", "raw"}
    | {"optim", "optimizer", "opt", "avg", "mean"}
)
"""Words beside which a gradient norm is still the norm over all weights, before clipping."""
_RATE = (frozenset({"lr"}), frozenset({"learning", "rate"}), frozenset({"learn", "rate"}))
_OF_FIRST = frozenset(
    {"optim", "optimizer", "opt", "scheduler", "sched", "current", "cur", "curr", "last", "group", "param", "groups"}
    | {"student", "model", "0", "schedule", "hparams", "adamw", "adam", "sgd", "value", "avg"}
)
"""Words beside which a learning rate is still the one of the first parameter group."""
_SECOND = frozenset({"s", "sec", "secs", "second", "seconds"})
_A_SECOND = (
    (frozenset({"tok", "toks", "token", "tokens"}), names.TOKENS_PER_SECOND),
    (frozenset({"sample", "samples", "example", "examples", "sequence", "sequences"}), names.SAMPLES_PER_SECOND),
    (frozenset({"steps", "it", "its", "iters", "batches"}), names.STEPS_PER_SECOND),
)
_OF_A_TIME = frozenset({"per", "time", "timing", "duration", "in", "avg", "mean", "ms"})
_PASSES = frozenset({"step", "iter", "iteration", "it", "batch"})
_RATES_ALONE = frozenset({"throughput", "tput", "tps", "wps"})
_OF_A_RATE = frozenset({"per", "total", "avg", "mean", "gpu", "device", "throughput", "speed", "current"})
_PERPLEXITY = frozenset({"ppl", "perplexity"})
_ALIGNED = frozenset({"aligned", "alignment", "align", "mapped", "covered", "coverage", "comparable"})
_PARTS_OF_ALL = frozenset({"frac", "fraction", "share", "ratio", "rate", "coverage"})
_OF_POSITIONS = frozenset({"token", "tokens", "position", "positions", "boundary", "boundaries", "label", "labels"})
_OF_COVERAGE = _OF_POSITIONS | {"of", "teacher", "student", "kd", "distill", "distillation"}

_KINDS = {
    **dict.fromkeys(("raw", "unweighted", "unscaled"), names.RAW),
    **dict.fromkeys(("weighted", "scaled"), names.WEIGHTED),
    **dict.fromkeys(("weight", "weights", "w", "lambda", "lam", "coef", "coeff", "coefficient", "alpha"), names.WEIGHT),
}
_DIVERGENCE = frozenset({"kl", "kld", "fkl", "rkl", "akl", "skl", "sfkl", "srkl", "jsd", "kd", "gkd", "dkd"})
_DISTILS = _DIVERGENCE | {"div", "divergence", "js", "distill", "distil", "distillation", "soft", "logit", "logits"}
_KULLBACK = frozenset({"kl", "kld", "fkl", "rkl", "akl", "skl", "sfkl", "srkl"})
_OF_DIVERGENCE = frozenset({"forward", "reverse", "skew", "skewed", "matching", "match"})
_LABEL = {
    **dict.fromkeys(("ce", "xe", "xent", "crossentropy"), "ce"),
    "nll": "nll",
    **dict.fromkeys(("lm", "clm", "ntp", "next", "language"), names.LM),
    "sft": "sft",
    **dict.fromkeys(("hard", "gt", "ground", "truth", "supervised", "task", "label", "labels", "cls"), "task"),
}
_LABEL_ALONE = frozenset({"ce", "xe", "xent", "crossentropy", "nll", "lm"})
"""Words that mean a label loss without the word loss, if only a model is named beside them."""
_PLACES = {
    **dict.fromkeys(names.OF_STATES, names.LAYERWISE),
    **dict.fromkeys(("feat", "feats", "feature", "features"), "feature"),
    **dict.fromkeys(("attn", "att", "attention", "attentions"), "attention"),
    **dict.fromkeys(("contrastive", "contrast", "infonce", "nce"), "contrastive"),
}
_DISTANCE = frozenset({"mse", "cos", "cosine", "mae", "huber"})
"""Alone they name no term: such a column counts as a part only where the parts then sum to the total."""
_PARTS_ALONE = frozenset(
    {"distill", "distil", "distillation", "soft", "hard", "task", "supervised", "hidden"}
) | frozenset({"feat", "feature", "features", "attn", "attention", "contrastive"})
_MODELS = frozenset({"student", "teacher", "model"})
_COMPOUNDS = {"kldiv": ("kl", "div"), "learningrate": ("learning", "rate")}
_ENDS = ("loss", "norm")


class Meaning(NamedTuple):
    """A column of ours; ``besides`` counts the words that only say how the value was taken: the fewer, the clearer."""

    column: str
    besides: int


def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case: ``KLDivLoss`` gives kl, div, loss; ``gradnorm`` gives grad, norm."""
    found: list[str] = []
    for word in (one.lower() for one in _WORD.findall(name)):
        end = next((end for end in _ENDS if word.endswith(end) and len(word) > len(end)), None)
        if word in _COMPOUNDS:
            found += _COMPOUNDS[word]
        elif end is not None and _is_word(word.removesuffix(end)):
            found += (word.removesuffix(end), end)
        else:
            found.append(word)
    if found[0:1] == ["l"] and found[1:] and not found[1].isdigit():
        found[0] = "loss"  # L_total, L_kd
    said = " ".join(found).replace("cross entropy", "crossentropy").replace("held out", "heldout")
    return tuple(said.replace("grad 2 0 norm", "grad norm").split())  # Lightning: grad_2.0_norm_total


def meaning(name: str) -> Meaning | None:
    """Return what ``name`` means by its words, or None if one of them is not known or they do not tell."""
    words = words_of(name)
    if not 0 < len(words) <= _MOST or not re.fullmatch(r"[\w\s./\-()|]+", name):
        return None
    held_out = _HELD_OUT.search(name) is not None
    if "val" in words[1:] and not held_out:  # "loss_val" may be the value of the loss
        return None
    evaluation = held_out or words[0] in _EVAL or (words[-1] in _EVAL and not _LOSS.isdisjoint(words))
    left = [word for word in words if word not in _TRAIN and word not in _EVAL]
    besides = sum(word in _AVERAGED for word in left)
    column = _eval_column(left) if evaluation else _train_column(left)
    return None if column is None else Meaning(column, besides)


def part_beside_a_total(name: str) -> str | None:
    """Return the column of a term that is named alone, where a total stands beside it: ``soft``; else None."""
    words = words_of(name)
    if len(words) != 1 or words[0] not in _PARTS_ALONE:
        return None
    found = _loss(list(words), told=True)
    return None if found is None else names.RAW + found


def is_kl(name: str) -> bool:
    """Return whether a name says that the value is a KL."""
    return not _KULLBACK.isdisjoint(words_of(name))


def _train_column(words: list[str]) -> str | None:
    some = frozenset(words)
    gradient, norm = some & _GRADIENT, some & _NORM
    if (gradient and norm) or some in ({"gn"}, {"grad"}, {"global", "norm"}):
        # "clip_grad_norm" is the limit
        return names.GRAD_NORM if some - gradient - norm <= _OF_ALL and words[0] != "clip" else None
    if some - _OF_FIRST in _RATE:
        # "lr_scheduler" is no rate, "lr_scheduler/lr" is
        return names.LEARNING_RATE if words[-1] != "scheduler" else None
    if some and some <= _RATES_ALONE:
        return names.TOKENS_PER_SECOND
    if some & _ALIGNED and some & _PARTS_OF_ALL and some - _ALIGNED - _PARTS_OF_ALL <= _OF_COVERAGE | _AVERAGED:
        return names.COVERAGE
    if words == ["time", "batch"]:  # Composer counts its batches so
        return None
    if (
        some & _PASSES
        and (some & _SECOND or some & {"time", "duration", "ms"})
        and words[0] not in ("it", "its", "steps", "iters")
    ):
        return names.STEP_SECONDS if some - _PASSES - _SECOND <= _OF_A_TIME else None
    for counted, column in _A_SECOND:
        if some & counted and some & _SECOND and some - counted - _SECOND <= _OF_A_RATE:
            return column
    kinds = [word for word in words if word in _KINDS]
    if len(kinds) > 1:
        return None
    kind = _KINDS[kinds[0]] if kinds else names.RAW
    what = _loss([word for word in words if word not in kinds], told=bool(kinds))
    if what == names.LOSS:
        return None if kinds else what
    return None if what is None else kind + what


def _eval_column(words: list[str]) -> str | None:
    some = frozenset(words)
    if some & _PERPLEXITY and some - _PERPLEXITY <= _AVERAGED | {"student", "model"}:
        return names.EVAL_PERPLEXITY
    kinds = [word for word in words if word in _KINDS]
    what = _loss([word for word in words if word not in kinds], told=True)
    if what is None or len(kinds) > 1 or "weight" in kinds:
        return None
    if what == names.LOSS:
        return None if kinds else names.EVAL_LOSS
    if _KINDS[kinds[0]] == names.WEIGHTED if kinds else False:
        return names.EVAL_WEIGHTED + what
    if what in ("ce", "nll", names.LM):
        return names.EVAL_LM_LOSS
    return names.EVAL_KL if some & {"kl", "kld"} and what == names.KD else names.EVAL_RAW + what


def _loss(words: list[str], *, told: bool) -> str | None:
    """The term that the words name, ``names.LOSS`` for the total, or None. ``told``: a word beside them says that it
    is a part of a loss.
    """
    said = not _LOSS.isdisjoint(words)
    left = frozenset(word for word in words if word not in _LOSS and word not in _AVERAGED)
    if words[:1] == ["value"]:  # of a critic
        return None
    if left <= _TOTAL or (left & _TOTAL and left - _TOTAL == {"student"}):
        return names.LOSS if said or left == {"objective"} else None
    places = [_PLACES[word] for word in words if word in _PLACES]
    unknown = left - _DISTILS - _OF_DIVERGENCE - _LABEL.keys() - _PLACES.keys() - _DISTANCE - _MODELS - {"token"}
    if unknown:
        return None
    if places:
        measured = left & (_DISTANCE | _DIVERGENCE)
        return places[0] if said or told or measured else None
    if left & _DISTILS:
        if left & {"hard", "gt", "supervised", "sft"}:  # a label that the teacher chose, or both
            return None
        return names.KD if said or told or left & _DIVERGENCE else None
    labels = [_LABEL[word] for word in words if word in _LABEL]
    if labels and "teacher" not in left:
        return labels[0] if said or told or left & _LABEL_ALONE else None
    return None


def _is_word(word: str) -> bool:
    known = _DISTILS | _LABEL.keys() | _PLACES.keys() | _DISTANCE | _GRADIENT | _TOTAL | _TRAIN | _EVAL | _MODELS
    return word in known or word == "avg"
