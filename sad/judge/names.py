"""The names that the field gives to what a loss takes, by what they are for."""

from __future__ import annotations

import re

MINE = {"student", "stu", "s", "stud"}
THEIRS = {"teacher", "tea", "t", "tch", "teach", "soft"}
VALUES = {
    *("logits", "logit", "output", "outputs", "out", "outs", "score", "scores", "pred", "preds", "prediction"),
    *("predictions", "y", "x", "z", "p", "q", "input", "inputs", "target", "targets", "label", "labels", "lm"),
    *("log", "logp", "logps", "logprobs", "logprob", "lprobs", "lprob", "probs", "prob", "probability", "topk", "dist"),
    *("probabilities", "distribution", "tensor", "values", "results"),
}
HIDDEN = {"input", "inputs", "hidden", "hiddens", "states", "state", "h", "feature", "features", "x"}
WEIGHTS = {"weight", "w", "weights", "lm", "head", "proj"}
TEMPERATURES = {"temperature", "temp", "tau", "temperatures", "T"}
BETAS = {
    *("beta", "alpha", "lam", "lamb", "lambda", "lmbda", "skew", "ratio", "mixing", "interpolation", "mix", "b", "a"),
}
RATIOS = {
    *("skew_lambda", "skew_alpha", "sym_kd_ratio", "kd_ratio", "mixed_kl_weight", "jsd_beta", "gkd_beta", "kd_rate"),
    *("lambda_", "lam_", "kl_ratio", "mixture_weight", "distillation_alpha", "kd_alpha", "distill_alpha"),
    *("gamma", "jsd_alpha", "w_kd", "kd_weight_ratio", "teacher_weight_ratio"),
}
LABELS = {
    *("labels", "label", "true_labels", "true_label", "hard_labels", "hard_label", "shift_labels", "target_ids", "gt"),
    *("target_labels", "ground_truth", "gold", "hard_targets", "hard_target", "y_true_labels", "gts", "student_labels"),
    *(
        "gt_label",
        "gt_labels",
        "label_ids",
        "lm_labels",
        "response_ids",
        "completion_ids",
        "tgt",
        "true_ids",
        "gold_labels",
    ),
}
LATE_LABELS = {"target", "targets", "y", "y_true", "true", "hard", "answers", "gold"}
"""What is labels where student and teacher have other names."""
MASKS = {
    *("attention_mask", "mask", "loss_mask", "completion_mask", "response_mask", "token_mask", "label_mask", "masks"),
    *("valid_mask", "action_mask", "valid", "loss_masks", "tokens_mask", "student_mask", "attn_mask", "keep_mask"),
}
PADS = {"padding_mask", "pad_mask", "key_padding_mask", "padding", "is_pad", "ignore_mask"}
BATCHES = {
    "no_model_batch",
    "batch",
    "data",
    "inputs_dict",
    "model_inputs",
    "model_batch",
    "micro_batch",
    "output_data",
}
COUNTS = {
    *("num_items_in_batch", "num_items", "n_items", "num_tokens", "n_tokens", "normalizer", "avg_factor", "denom"),
    *("num_valid", "total_valid", "global_valid_toks", "batch_denom", "norm_factor", "num_valid_tokens", "ntokens"),
    *("num_target_tokens", "global_valid_seqs", "total_tokens", "loss_normalizer", "global_num_tokens"),
    "batch_num_tokens",
}
IGNORES = {"ignore_index", "ignore_idx", "padding_id", "pad_id", "ignore_label", "ignored_index", "ignore_id"}
LABEL_LOSSES = {
    *("loss", "original_loss", "ce_loss", "task_loss", "hard_loss", "student_loss", "lm_loss", "base_loss", "sft_loss"),
}
CONFIGS = {"args", "config", "cfg", "params", "hparams", "opt", "kd_config", "distill_config", "configs", "loss_config"}
OFFS = {
    *("weight_hard_loss", "ce_weight", "hard_weight", "weight_ce", "hard_loss_weight", "ce_loss_weight"),
    "alpha_ce_hard",
    *("lm_loss_weight", "lm_weight", "ce_loss_coef", "hard_loss_coef"),
}
ONS = {
    *("weight_soft_loss", "kd_weight", "soft_weight", "kl_weight", "soft_loss_weight", "kd_loss_weight", "loss_weight"),
    *("kd_loss_scale", "kd_scale", "distill_scale", "soft_loss_scale", "distill_loss_scale", "kl_scale"),
    *("kl_loss_weight", "distill_weight", "weight", "kl_coef", "loss_scale", "multiplier", "kd_loss_coef"),
}
VOCABS = {
    *("vocab_size", "num_classes", "n_vocab", "classes", "n_classes", "num_class", "n_class", "class_num"),
    *("num_labels", "n_labels", "tgt_vocab_size", "cls_num", "nclass", "num_cls", "draft_vocab_size"),
    *("student_vocab_size", "teacher_vocab_size"),
}
STEPS = {"epoch", "step", "global_step", "iteration", "iter", "current_step", "current_epoch", "n_iter", "cur_epoch"}
"""Where in its run a training is."""
GRADIENTS = {"grad_output", "grad_out", "grad_loss", "output_grad", "upstream_grad"}
"""The gradient of what is made of a loss, for one that works out its own."""
OF_COUNTS = ({"tokens", "toks", "token", "tok"}, {"num", "n", "non", "valid", "total", "count", "global", "nonpad"})
"""A word of each is in the name of a count of tokens."""
WORDED = ("type", "mode", "objective", "kind", "name", "method", "divergence", "loss_fn", "loss")
"""How the names of settings end that say which of several losses it is."""
LOGGING = ("log", "log_dict", "log_metrics", "store_metrics", "log_stats")
"""Methods of trainers that write down numbers."""
CONFIG_ENDS = ("config", "_cfg", "_args", "_hparams", "_opts")
NO_MASKS = {"causal", "vocab", "inf", "topk", "tree", "block", "attn", "sample", "vision", "image", "dict"}
"""What is in the names of masks that say of no row whether it counts."""
SWITCHES = ("use_", "is_", "normalize_", "with_", "do_", "return_")
"""How the names of parameters begin that must be given and turn a part on."""
TOPKS = {"k", "topk", "top_k", "kd_top_k", "num_topk", "n_topk"}
SMOOTH = {"smooth", "smoothing"}
"""In the names of the mass that a label gives away to the other classes."""
POSITIONS = {"pos_idx", "position_ids", "positions", "pos_ids", "position_idx"}
TWO_VIEWS = (
    {"positive", "positives", "negative", "negatives", "anchor", "positive_key", "negative_keys", "query", "queries"},
    {"image_features", "text_features", "image_embeds", "text_embeds", "image_embeddings", "text_embeddings"},
)
"""Two of these in one loss are views of examples that are told from each other, not a student and its teacher."""
EAGERS = {"compiled", "compile", "use_compile", "torch_compile"}
TEACHER_MODELS = {"teacher_model", "teacher", "ref_model", "teacher_net", "tea_model", "model_t", "net_t"}
MODELS = {"model", "student", "student_model", "student_net", "net", "model_s", "net_s"}
OBJECTS = {
    *("tokenizer", "lightning_module", "pl_module", "trainer", "distiller", "logger", "writer", "processor"),
    *("logging_output", "accelerator", "engine", "scheduler", "processing_class", "student_tokenizer"),
    "teacher_tokenizer",
}
"""What many losses are handed and few read."""
ONES = {"weights", "sample_weight", "sample_weights", "token_weights", "row_weights", "instance_weights"}
"""Weights of rows or examples, of which each is 1."""
OF_EXAMPLES = {"sample", "instance", "example", "sequence", "seq"}
"""In the names of weights of which a text has one."""
CRITERIA = {"criterion", "base_criterion", "criterion_ce", "ce_criterion", "criterion_cls", "ce_loss_fn", "ce_fn"}
"""Objects that compute the label loss: a cross-entropy."""
KINDS = {"distillation_type", "distill_type", "kd_type", "kd_mode", "distillation_mode", "distill_mode", "distil_type"}
"""Words that say which of several losses it is; a source compares them with what it knows."""


def tokens(name: str) -> list[str]:
    """Return the words of a name: ``logitsStudent`` and ``logits_student`` have the same."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return [word for word in spaced.lower().split("_") if word]


MAPS = {"attention", "attentions", "attn", "attns"}
"""In the names of the weights of an attention: probabilities."""
LAYER_MAPS = {"layer_pairs", "layer_mapping", "layer_mappings", "layer_map", "layers_map", "layer_indices", "layer_ids"}
LAYER_MAPS |= {"matches"}
"""Which layer of the one is compared with which of the other."""
ACTIVES = {"active_units", "active_classes", "seen_classes", "old_classes", "class_ids", "valid_classes"}
"""The classes, or tokens, over which a distribution is renormalised."""


STATES = {"proj", "projected", "emb", "embs", "embed", "embeds", "embedding", "embeddings", "reps", "rep", "hiddens"}
STATES |= {"q", "d", "query", "doc", "queries", "documents", "document", "cls", "feats", "feat"}
"""In the names of what is compared beside logits."""


def is_state(name: str) -> bool:
    """Whether a name that says whose it is may be one of logits or states, not of ids or of a number."""
    words = set(tokens(name)) - MINE - THEIRS
    return bool(words) and words <= VALUES | HIDDEN | STATES | MAPS | {"layers"}


def says_labels(name: str) -> bool:
    """Whether a name says labels beside two sides: ``targets``, ``answer_labels``, ``ground_truth_targets``."""
    words = tokens(name) or [""]
    return "_".join(words) in LATE_LABELS or words[-1] in ("label", "labels") or {"ground", "truth"} <= set(words)


def run_on(name: str, others: set[str]) -> bool:
    """Whether a model is called on a batch: ``student, teacher, labels`` are tensors."""
    whole = {"inputs", "batch", "model_batch", "model_inputs", "micro_batch", "input_ids", "data", "x", "images"} | {
        "sample"
    }
    return bool(others & whole) or (name not in ("student", "teacher") and any("batch" in other for other in others))


def told_by_its_end(name: str, words: set[str]) -> str:
    """What a required parameter is that no list has: "one" (a scale, a step), a "count" of tokens, a "config", a "mask"
    or one of "padding", a "flag", the "width" of states, a "topk", a "projection" of states, "layers", "active" tokens,
    the mass of a "tail", or "".
    """
    if told := _of_states(name, words):
        return told
    if words & {"mask", "masks"} and not words & NO_MASKS:
        return "padding" if words & {"pad", "padding", "padded", "ignore", "ignored"} else "mask"
    if (
        name in STEPS
        or name in GRADIENTS
        or name.endswith(("_scale", "_factor", "_per_epoch"))
        or (name.endswith("_id") and "batch" in name)
    ):
        return "one"
    counted = all(words & some for some in OF_COUNTS) and not words & {"mask", "masks", "ids", "weights"}
    if counted or name.endswith("batch_size"):
        return "count"
    if (name.startswith(SWITCHES) and not words & {"pad", "padding"}) or name == "sentence_avg":
        return "flag"
    if name.endswith(("_dict", "_meta", "_info")) and name not in BATCHES:
        return "object"
    return "config" if name.endswith(CONFIG_ENDS) else ""


def _of_states(name: str, words: set[str]) -> str:
    """The same, of what losses of hidden states are made with, and of a top-k."""
    if name in TOPKS:
        return "topk"
    if words & {"tail", "rest"} and words & {"mass", "prob", "probs"} and "log" not in words:
        return "tail"
    if name in LAYER_MAPS:
        return "layers"
    if name in ACTIVES:
        return "active"
    if words & {"projector", "projectors", "projection", "projections"} and not words & {"dim", "size", "weight"}:
        return "projection"
    wide = words & {"dim", "width"} or ("size" in words and words & {"hidden", "embed", "embedding", "feature"})
    return "width" if (wide and name != "dim") or {"d", "model"} <= words else ""
