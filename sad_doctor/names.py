"""The one vocabulary of metrics: the writer, the readers and the rules import it.

A column is named ``<when>/<what>``; a per-term column is ``<when>/<kind>/<term>``, for
example ``train/weighted/kd``. Losses are in nats, lengths in tokens, times in seconds,
throughput in student tokens a second.
"""

import re

LOSS = "train/loss"
"""Total training objective of the optimizer step; the weighted parts sum to it."""

RAW = "train/raw/"
"""Prefix: a term before its weight (nats or a normalised distance, per unit)."""

WEIGHT = "train/weight/"
"""Prefix: the weight of a term at this step."""

WEIGHTED = "train/weighted/"
"""Prefix: weight times raw value; these sum to :data:`LOSS`."""

UNWEIGHTED = "train/unweighted/"
"""Prefix: a term before its weight, in a log whose values called raw are something else."""

GRAD_NORM = "train/grad_norm"
"""Global L2 norm of the gradient before clipping."""

LOSS_SCALE = "train/loss_scale"
"""What the loss is multiplied by before a backward pass in float16."""

UPDATE_RATIO = "train/update_ratio"
"""Norm of the weight update over the norm of the weights."""

BAR_LOSS = "progress_bar/loss"
"""The loss beside a progress bar, where the log has a total too: often a mean over batches."""

LEARNING_RATE = "train/lr"
"""Learning rate of the first parameter group in the step."""

LEARNING_RATE_OF = "train/lr/"
"""Prefix: learning rate of another parameter group, by its name."""

GRAD_SHARE = "train/grad_share/"
"""Prefix: norm of the gradient of a weighted term over the sum of these norms, over the student's weights."""

SECONDS = "train/seconds/"
"""Prefix: seconds of the step that went to one part of it: data, teacher, student, backward, optimizer."""

MEMORY = "train/memory_bytes"
"""Bytes of the first process that are in the machine's memory."""

MEMORY_DEVICE = "train/device_peak_bytes"
"""Largest number of bytes that tensors took up on the first process's accelerator, so far."""

MICRO_BATCH_CUTS = "train/micro_batch_cuts"
"""Into how many pieces a micro-batch is cut because the memory did not hold it whole."""

TOKENS_PER_SECOND = "train/tokens_per_second"
"""Student tokens with a label, per second of wall time."""

SAMPLES_PER_SECOND = "train/samples_per_second"
"""Sequences of the training per second of wall time."""

STEPS_PER_SECOND = "train/steps_per_second"
"""Steps per second of wall time, or iterations where the log counts those; a progress bar tells a recent mean."""

STEP_SECONDS = "train/step_seconds"
"""Wall time of one step, where a log tells that and no throughput."""

LENGTH = "train/length"
"""Mean number of student tokens of a sequence in the step's batches, without padding."""

TOKENS = "train/tokens"
"""Tokens seen since the beginning of the run."""

EPOCH = "train/epoch"
"""Passes over the data, as a fraction."""

SKIPPED_STEPS = "train/skipped_steps"
"""Optimizer steps left out so far because their gradient was not finite."""

SKIPPED_SPIKES = "train/skipped_spikes"
"""Optimizer steps left out so far because their loss lay far above those before."""

COVERAGE = "train/coverage"
"""Share of the student's target positions that are common boundaries with the teacher."""

LABELS = "train/labels"
"""Labels that count in the step's loss, where the log tells their number."""

TEACHER_LOSS = "train/teacher_lm_loss"
"""The teacher's own language-model loss on the same batches, nats per token; in our record, of the student's labels
at compared positions, those that some token of the teacher leads to."""

TEACHER_LABELS = "train/teacher_labels"
"""Share of the labels at compared positions that some token of the teacher leads to, where there are two tokenizers."""

TEACHER_ENTROPY = "train/teacher_entropy"
"""Entropy of the teacher's next-token distribution at compared positions, nats; where any of its tokens maps."""

EVAL_LOSS = "eval/loss"
"""The training objective on held-out text, at the weights of the same step."""

EVAL_RAW = "eval/raw/"
"""Prefix: a term on held-out text before its weight."""

EVAL_WEIGHTED = "eval/weighted/"
"""Prefix: a term on held-out text with the weight of the same step; these sum to :data:`EVAL_LOSS`."""

EVAL_LM_LOSS = "eval/lm_loss"
"""Token-weighted language-model loss on held-out text, nats per student token."""

EVAL_PERPLEXITY = "eval/perplexity"
"""exp of :data:`EVAL_LM_LOSS`, never clamped."""

EVAL_BITS_PER_BYTE = "eval/bits_per_byte"
"""Held-out negative log-likelihood in bits over the bytes of the text; comparable across tokenizers."""

EVAL_KL = "eval/kl"
"""KL from teacher to student at common boundaries of held-out text, nats per position."""

EVAL_AGREEMENT = "eval/agreement"
"""Share of common boundaries at which both models' most likely next token is the same."""

EVAL_MAPPED = "eval/mapped_mass"
"""Share of the teacher's probability mass that the student's vocabulary can take."""

TEACHER_EVAL_LM_LOSS = "teacher/lm_loss"
"""The teacher's own language-model loss on the same held-out text, nats per token of its own."""
TEACHER_EVAL_PERPLEXITY = "teacher/perplexity"
"""exp of that, per token of the teacher: not comparable with :data:`EVAL_PERPLEXITY` across tokenizers."""
TEACHER_EVAL_BITS_PER_BYTE = "teacher/bits_per_byte"
"""What the student's :data:`EVAL_BITS_PER_BYTE` is to be compared with."""

PREFIXES = (RAW, WEIGHT, WEIGHTED, UNWEIGHTED, EVAL_RAW, EVAL_WEIGHTED)

KD = "kd"
LM = "lm"
LAYERWISE = "layerwise"

ANCHORS = frozenset({LM, "ce", "nll", "task", "sft", "student_target"})
"""Terms that may rightly own the loss: the label loss under its usual names."""

OF_STATES = frozenset({"hidden", "hid", "hs", "states", "state", "layer", "layers", "layerwise"})
"""Words for a term over hidden states."""

TIME = "time"
"""Unix time at which a record was written."""

# Facts: keys of ``Run.facts``. A reader sets those that its format tells.
STATUS = "status"
"""One of running, finished, interrupted, crashed, unknown."""
TOTAL_STEPS = "total_steps"
"""Optimizer steps the run will take in all, when known."""
STEP_UNIT = "step_unit"
"""What the steps are where they are no steps: ``epoch``."""
BLANK = "blank"
"""Columns that were logged in nearly every row and are blank at the end: by name, the first and last such step, and how
many rows."""
REWOUND = "rewound"
"""Where the total loss was logged anew from a step that it had passed, in a reader that keeps the later values only:
lists of the last step before, the step it went back to, and the loss before."""
EVALUATED_SINCE = "evaluated_since"
"""The step from which on the evaluations are those of the present evaluation set, where it was changed."""
UNREAD = "unread"
"""What of a run could not be read, so that part of it is not judged: a sentence without its full stop."""
HEARTBEAT = "heartbeat"
"""Unix time of the writer's last sign of life."""
SEEN = "seen"
"""Unix time at which the log was read."""
STARTED = "started"
"""Unix time at which the run began."""
VOCABULARY_SIZE = "vocabulary_size"
"""Tokens that the student can predict; the logarithm of it is the loss of a guess."""
TEACHER_VOCABULARY_SIZE = "teacher_vocabulary_size"
"""Tokens that the teacher can predict, where it has others than the student."""
CONFIG = "config"
"""The recipe, or what a foreign log says of its settings."""
MODELS = "models"
"""Teacher and student: their names, sizes and tokenizers."""
VERSIONS = "versions"
"""Python and the libraries that the run was made with."""
ALIGNMENT = "alignment"
"""How well the two tokenizers line up on the text."""

# Kinds of event.
EVENT_START = "start"
"""The run began."""
EVENT_RESUME = "resume"
"""It went on from a checkpoint."""
EVENT_CHECKPOINT = "checkpoint"
"""A checkpoint was written."""
EVENT_WARNING = "warning"
"""Something that the run survived."""
EVENT_NON_FINITE = "non_finite"
"""A loss or a gradient was not finite; the step was left out, where it is our run."""
EVENT_SPIKE = "spike"
"""A step was left out because its loss lay far above those before."""
EVENT_OUT_OF_MEMORY = "out_of_memory"
"""The device had no room; the micro-batch is cut, where it is our run."""
EVENT_RED_FLAG = "red_flag"
"""A rule of the doctor fired while the run was watched."""
EVENT_ROLLBACK = "rollback"
"""The run went back to an earlier checkpoint."""
EVENT_TIME_IS_UP = "time_is_up"
"""The hours of ``train.max_hours`` were over."""
EVENT_EARLY_STOP = "early_stop"
"""The run was ended because its evaluation no longer improved."""
EVENT_INTERRUPT = "interrupt"
"""Ctrl-C, or a request to end."""
EVENT_CRASH = "crash"
"""An error ended the run; the message is its last line."""
EVENT_END = "end"
"""The run came to its end."""


_PERHAPS = re.compile(
    r"(?:train/)?(?:loss(?:es)?[/_](?!total|scale)([a-z]\w{0,79})"
    r"|(?!train|total|best|avg|mean|eval|val|dev|test|teacher)([a-z]\w{0,79})_loss)"
)


def maybe_term(column: str) -> str | None:
    """Return what may be the term of a column that is none of ours, or None: ``loss_mse`` gives ``mse``.

    The name alone does not prove it: such a column is a part of the loss only where the parts then sum to the total.
    """
    found = _PERHAPS.fullmatch(column.lower())
    return (found[1] or found[2]) if found else None


def term_of(column: str) -> str | None:
    """Return the term of a per-term column, or None: ``train/raw/kd`` gives ``kd``."""
    for prefix in PREFIXES:
        if column.startswith(prefix):
            return column[len(prefix) :]
    return None
