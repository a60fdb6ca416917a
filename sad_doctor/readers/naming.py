"""From other people's metric names to ours. Every renaming is remembered, so that the reader can say it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from sad_doctor import names
from sad_doctor.readers import name_words, units
from sad_doctor.readers.evaluation_set import of_a_set
from sad_doctor.readers.remembered import remembered
from sad_doctor.sanitize import sanitize

STEPS = (
    *("step", "global_step", "trainer/global_step", "optimizer_step", "train_step", "current_step", "current_steps"),
    *("global_iter", "global_iteration", "iteration", "iter", "iters", "it", "n_iter", "update", "num_updates"),
    "_step",
)
"""Keys, as :func:`plain` spells them and without ``train/``, that hold the step of a row; the best first."""

LENGTHS = ("total_steps", "max_steps", "num_training_steps")
"""Keys that hold the number of steps of the whole run."""

_TOTALS = (
    *("total_loss", "loss_total", "loss/total", "losses/total", "loss", "losses/loss", "train_loss", "training_loss"),
    *("loss/train", "loss_train", "train_loss_step", "loss_step", "tot_loss", "reduced_train_loss", "loss/train/total"),
)

_A_SECOND = ("_per_second", "_per_sec", "/s", "/sec")
_SAMPLES = (
    *(f"{one}{end}" for one in ("samples", "examples", "sequences") for end in _A_SECOND),
    *("train_samples_per_second", "throughput/samples_per_sec", "samples_per_second_per_gpu"),
)
_STEPS_A_SECOND = (
    *(f"{one}{end}" for one in ("steps", "it", "iter", "its", "iters", "iterations", "batches") for end in _A_SECOND),
    *("train_steps_per_second", "throughput/batches_per_sec"),
)

_KNOWN = {
    **dict.fromkeys(_TOTALS, names.LOSS),
    **dict.fromkeys(("learning_rate", "lr"), names.LEARNING_RATE),
    **dict.fromkeys(("grad_norm", "gradient_norm", "global_grad_norm", "total_norm", "gnorm"), names.GRAD_NORM),
    **dict.fromkeys(("update_ratio",), names.UPDATE_RATIO),
    **dict.fromkeys(("loss_scale", "grad_scale", "amp_scale", "scaler_scale", "lm_loss_scale"), names.LOSS_SCALE),
    **dict.fromkeys(("grad_scaler", "grad_scaler_scale", "scaler/scale", "fp16_scale"), names.LOSS_SCALE),
    **dict.fromkeys(("tokens_per_second", "tokens_per_sec", "tps", "wps"), names.TOKENS_PER_SECOND),
    **dict.fromkeys(("tokens/s", "tokens/sec", "tok/s", "tok/sec"), names.TOKENS_PER_SECOND),
    **dict.fromkeys(("tokens_per_second_per_gpu", "tokens/sec/gpu", "tok/sec/gpu"), names.TOKENS_PER_SECOND),
    **dict.fromkeys(_SAMPLES, names.SAMPLES_PER_SECOND),
    **dict.fromkeys(_STEPS_A_SECOND, names.STEPS_PER_SECOND),
    **dict.fromkeys(("memory_bytes", "rss_bytes", "memory_rss_bytes", "process_memory_bytes"), names.MEMORY),
    **dict.fromkeys(("seq_len", "seq_length", "sequence_length", "mean_length", "length"), names.LENGTH),
    **dict.fromkeys(("num_input_tokens_seen", "num_tokens", "tokens_seen", "total_tokens", "tokens"), names.TOKENS),
    **dict.fromkeys(("device_peak_bytes", "max_memory_allocated", "peak_memory_bytes"), names.MEMORY_DEVICE),
    **dict.fromkeys(("teacher_loss", "teacher_lm_loss", "teacher_ce_loss", "teacher/loss"), names.TEACHER_LOSS),
    **dict.fromkeys(("teacher_ce", "teacher_nll", "teacher_nll_loss"), names.TEACHER_LOSS),
    **{"label_tokens": names.LABELS, "num_label_tokens": names.LABELS, "teacher_entropy": names.TEACHER_ENTROPY},
    "epoch": names.EPOCH,
    "eval/loss": names.EVAL_LOSS,
    **{f"loss/{held}": names.EVAL_LOSS for held in ("eval", "val", "valid", "validation", "dev", "test")},
    **dict.fromkeys(("eval/perplexity", "eval/ppl", "perplexity", "ppl"), names.EVAL_PERPLEXITY),
    **dict.fromkeys(("eval/lm_loss", "eval/ce_loss", "eval/nll_loss", "eval/languagecrossentropy"), names.EVAL_LM_LOSS),
    **dict.fromkeys(("eval/kl", "eval/kl_loss", "eval/kl_div"), names.EVAL_KL),
    **dict.fromkeys(("eval/bits_per_byte", "eval/bpb", "bits_per_byte", "bpb"), names.EVAL_BITS_PER_BYTE),
    **dict.fromkeys(("eval/agreement", "eval/top1_agreement"), names.EVAL_AGREEMENT),
}

_TERMS = {
    **dict.fromkeys(("kd", "distill", "distillation", "distil", "ds", "logit_kd", "logits", "l_kd", "lkd"), names.KD),
    **dict.fromkeys(("soft", "soft_target", "soft_targets", "soft_label", "soft_labels"), names.KD),
    **{"matched": names.KD, "unmatched": "uld"},  # TRL's GOLD: tokens of both vocabularies, and the others
    **dict.fromkeys(("kl", "kld", "kl_div", "kl_divergence", "forward_kl", "reverse_kl", "fkl", "rkl"), names.KD),
    **dict.fromkeys(("lm", "language_model", "mlm", "clm", "ntp", "next_token"), names.LM),
    **{term: term for term in ("ce", "nll", "sft", "task")},
    **dict.fromkeys(("cross_entropy", "crossentropy", "xent", "l_ce", "lce"), "ce"),
    **dict.fromkeys(("hard", "hard_target", "hard_targets", "hard_label", "hard_labels", "label"), "task"),
    **dict.fromkeys(("class", "classification", "cls", "student"), "task"),
    **dict.fromkeys(
        ("layerwise", "layer", "layers", "hidden", "hid", "hidden_state", "hidden_states"), names.LAYERWISE
    ),
    **dict.fromkeys(("feature", "features", "feat"), "feature"),
    **dict.fromkeys(("routing", "routing_feature"), "routing"),
    **dict.fromkeys(("load_balance", "load_balancing", "routing_load_balance"), "load_balance"),
    **dict.fromkeys(
        ("attention_alignment", "attn_alignment", "attn_align", "routing_attention_alignment"), "attention_alignment"
    ),
    **dict.fromkeys(("attention", "attn"), "attention"),
    **dict.fromkeys(("contrastive", "contrast", "contr"), "contrastive"),
}

_KL = frozenset({"kl", "kld", "kl_div", "kl_divergence", "forward_kl", "reverse_kl", "fkl", "rkl"})
_BARE = frozenset({"kd", "lm", "ce", "nll", "layerwise", "l_ce", "l_kd", "lce", "lkd"}) | _KL
"""Terms that need no word such as loss beside them."""
_REWARDED = re.compile(r"reward|advantage|policy|pg_loss|clip_ratio|clip_?frac")
"""Signs of reinforcement learning, whose divergence is that from a reference model, not from a teacher."""
_VARIATIONAL = re.compile(r"recon|elbo|^bce$")  # an autoencoder's, whose divergence is that from a prior
_MODELLED = re.compile(r"(?:loss(?:es)?[/_])*(?:mlm|clm)(?:_loss)?")
"""The label loss of DistilBERT's script, whose ``loss_ce`` is the distillation."""
_CE = re.compile(r"(?:loss(?:es)?[/_])*ce(?:_loss)?")
_HOOK, _TRAINED = re.compile(r"_(?:step|epoch)$"), re.compile(r"^(?:train(?:ing)?|actor)[/_]")
"""What Lightning puts behind the name of a metric that it logs per step, per epoch or both; what others put before."""
_KINDS = (
    (re.compile(r"(?:raw|unweighted)[/_](.+)|(.+)[/_](?:raw|unweighted)"), names.RAW),
    (re.compile(r"weighted[/_](.+)|(.+)[/_](?:weighted|scaled)"), names.WEIGHTED),
    (re.compile(r"weights?[/_](.+)|(.+)[/_]weight"), names.WEIGHT),
    (re.compile(r"loss(?:es)?[/_](.+)|(.+)[/_]loss"), names.RAW),
)
_SAID = re.compile(r"(raw|unweighted|weighted|weight)/([a-z_]\w{0,79})")
"""A prefix that says what the value is: behind it any name is a term."""
_PREFIX_SAYS = {"raw": names.RAW, "unweighted": names.RAW, "weighted": names.WEIGHTED, "weight": names.WEIGHT}
_ON_EVALUATION = {names.RAW: names.EVAL_RAW, names.WEIGHTED: names.EVAL_WEIGHTED}
_NO_TERM = frozenset({"total", "sum", "loss", "all", "total_loss", "decay", "norm", "grad_norm"})
_EVAL = re.compile(r"(?:eval|val|valid|validation|dev|test)[/_]")
_OURS = frozenset(one for one in vars(names).values() if isinstance(one, str) and re.fullmatch(r"[a-z]+/[a-z_/]*", one))
_OUR_PREFIXES = (*(one for one in _OURS if one.endswith("/")), "logged/", "progress_bar/")
_SHOWN = 12
_SEPARATORS = re.compile(r"[\s\-.]+")


@remembered
def plain(name: str) -> str:
    """Return ``name`` in lower case with blanks, dashes and dots as ``_``, evaluation prefixes as ``eval/``."""
    name = _SEPARATORS.sub("_", name.strip().lower()).replace("valid_tokens", "label_tokens")  # valid for the loss
    return _EVAL.sub("eval/", name, count=1) if _EVAL.match(name) else name


@remembered
def step_rank(name: str) -> int | None:
    """Return the place of ``name`` in :data:`STEPS`, or None if it is no step."""
    name = plain(name).removeprefix("train/")
    return STEPS.index(name) if name in STEPS else None


def is_known(name: str) -> bool:
    """Return whether ``name`` is a step or a metric that we know."""
    return step_rank(name) is not None or column_of(name) is not None


def term(name: str) -> str | None:
    """Return our spelling of a known term: ``routing_attention_alignment_loss`` gives ``attention_alignment``."""
    name = plain(name)
    for prefix in ("loss/", "losses/", "loss_"):
        name = name.removeprefix(prefix)
    return _TERMS.get(name) or _TERMS.get(name.removesuffix("_loss"))


@remembered
def column_of(name: str) -> str | None:
    """Return the column that ``name`` means, or None if it is not known.

    A part of the loss whose weighting the name does not tell goes under ``train/raw/``, if its term is known; behind
    a prefix such as ``weighted/`` any name is a term.
    """
    if name.startswith(names.PREFIXES):
        return sanitize(name, 200)
    if " - " in name:  # a chart's export of Weights & Biases: run-1 - train/loss
        name = name.rsplit(" - ", 1)[1]
    if name.startswith("lr-"):  # Lightning: lr-AdamW
        return names.LEARNING_RATE
    found = _of_tables(plain(name))
    meant = name_words.meaning(name) if found is None else None
    return found if meant is None else meant.column


def _of_tables(name: str) -> str | None:
    found = _of_plain(name)
    return _of_plain(bare) if found is None and (bare := _HOOK.sub("", _TRAINED.sub("train/", name))) != name else found


def _of_plain(name: str) -> str | None:
    trained = name.removeprefix("train/")
    known = _KNOWN.get(trained)
    if known is not None and (trained == name or known.startswith("train/")):
        return known
    if trained in _BARE:
        return names.RAW + _TERMS[trained]
    evaluation = name.startswith("eval/")
    name = name.removeprefix("eval/").removeprefix("train/")
    for pattern, prefix in _KINDS:
        match = pattern.fullmatch(name)
        found = term(match[1] or match[2]) if match else None
        if match and found and evaluation:
            whole = _KNOWN.get(f"eval/{match[1]}_loss") if pattern is _KINDS[-1][0] else None  # eval/loss_ce
            return whole or _ON_EVALUATION.get(prefix, prefix) + found
        if found:
            return prefix + found
    said = _SAID.fullmatch(name)
    if said is None or said[2] in _NO_TERM:
        return None
    prefix = _PREFIX_SAYS[said[1]]
    return (_ON_EVALUATION.get(prefix, prefix) if evaluation else prefix) + said[2].removesuffix("_loss")


def column_among(key: str, row: Iterable[str]) -> str | None:
    """Return the column that ``key`` means in a row of these keys, or None: the names beside it may say what it is."""
    found, held = column_of(key), in_bytes(key)
    name = plain(key).removeprefix("train/")
    parts = (one for one in map(column_of, row) if one and one.startswith((names.RAW, names.WEIGHTED)))
    if name in ("total", "l") and any(parts):
        return names.LOSS
    if found is None and held is None and any(column_of(other) == names.LOSS or other == "total" for other in row):
        return name_words.part_beside_a_total(key)
    if found is None:
        return held[0] if held is not None else None
    if name_words.is_kl(key) and any(_REWARDED.search(other.lower()) for other in row):
        return found if name.endswith("_loss") else None
    if name_words.is_kl(key) and any(_VARIATIONAL.search(other.lower()) for other in row):
        return None
    if _CE.fullmatch(name) and any(_MODELLED.fullmatch(plain(other).removeprefix("train/")) for other in row):
        return names.RAW + names.KD
    return None if name.endswith("_epoch") and f"{key[:-6]}_step" in row else found


def in_bytes(key: str) -> tuple[str, float] | None:
    """Return the column of a memory whose name tells its unit, and how many bytes that unit has; else None."""
    return units.in_bytes(plain(key))


def scale_of(key: str, column: str) -> float:
    """Return what the values of ``key`` are multiplied by in ``column``, for the unit that its name tells."""
    if column == names.STEP_SECONDS:
        return 1e-3 if "ms" in name_words.words_of(key) else 1.0
    return held[1] if (held := in_bytes(key)) is not None and held[0] == column else 1.0


class Naming:
    """The renamings of one log. Each column takes its values from one key only: the first that means it."""

    def __init__(self) -> None:
        self._columns: dict[str, str] = {}
        self._owners: dict[str, str] = {}

    def column(self, key: str, row: Iterable[str] = ()) -> str:
        """Return the column for ``key``: ours if it is known and not yet taken, else its own name, clean.

        ``row`` are the keys beside it: where several mean the total loss, the clearest name has it.
        """
        found = self._columns.get(key)
        if found is None:
            row = tuple(row)
            found = names.EVAL_LOSS if of_a_set(key, row) else column_among(key, row)
            if found is None or any(_clearer(other, key, found) for other in row):
                found = sanitize(key, 200)
            if self._owners.setdefault(found, key) != key:
                found = f"logged/{sanitize(key, 200)}"
            self._columns[key] = found
        return found

    def state(self) -> dict[str, dict[str, str]]:
        """Return the renamings, for :meth:`restored`."""
        return {"columns": dict(self._columns), "owners": dict(self._owners)}

    @classmethod
    def restored(cls, state: Mapping[str, Mapping[str, str]]) -> Naming:
        """Return the naming whose state was kept. Raises ValueError for a name that is not clean."""
        naming = cls()
        naming._columns, naming._owners = dict(state["columns"]), dict(state["owners"])
        if any(sanitize(name, 300) != name for name in (*naming._columns.values(), *naming._owners)):
            raise ValueError("a name that is not clean")
        return naming

    @property
    def notes(self) -> tuple[str, ...]:
        """A line that says which names were read as what, and one for those that no rule uses."""
        renamed = [
            f"{sanitize(key, 60)} as {name}" for key, name in self._columns.items() if name != sanitize(key, 200)
        ]
        read = (f"read {', '.join(renamed[:40])}",) if renamed else ()
        return (*read, *unused(name for key, name in self._columns.items() if name == sanitize(key, 200)))


def unused(columns: Iterable[str]) -> tuple[str, ...]:
    """Return one line that says which of the columns no rule knows; none if there are none."""
    found = [sanitize(name, 60) for name in columns if not _may_be_used(name)]
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return (f"not used: {', '.join(found[:_SHOWN])}{more} (name them with --map)",) if found else ()


def _may_be_used(name: str) -> bool:
    ours = name in _OURS or name.startswith(_OUR_PREFIXES) or name in (names.TIME, *LENGTHS)
    return ours or names.maybe_term(name) is not None


def _clearer(other: str, key: str, column: str) -> bool:
    """Whether ``other`` is a clearer name of ``column`` than ``key``: one that stands in a table as a whole, or one
    with fewer words that only say how the value was taken.
    """
    return other != key and column_of(other) == column and _clarity(other, column) < _clarity(key, column)


def _clarity(key: str, column: str) -> int:
    if key == column:
        return -1
    name = plain(key)
    if column == names.LOSS and (trained := name.removeprefix("train/")) in _TOTALS:
        return _TOTALS.index(trained)
    if column != names.LOSS and _of_tables(name) == column:
        return 0
    meant = name_words.meaning(key)
    return len(_TOTALS) + (meant.besides if meant is not None else 0)
