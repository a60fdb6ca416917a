"""Which first causes are right for faults of one family: what a good colleague would look into first.

Kinds name a family, not a rule, where several faults leave one picture. A rule that is added later is put here by what
it means, once, for every kind.
"""

STANDS = ("weights-frozen", "learning-rate-zero", "gradient-vanishes")
"""Nothing moves."""

SLOW = (*STANDS, "updates-tiny", "early-plateau", "student-no-better", "learns-little", "learning-rate-odd")
"""It moves, and learns next to nothing."""

BLOWN_UP = ("loss-diverges", "loss-oscillates", "non-finite", "loss-spike", "starts-too-fast", "gradient-grows")
"""The step is too large."""

SET_BACK = (
    *("loss-diverges", "loss-oscillates", "loss-spike", "resume-jumps", "starts-over", "level-breaks"),
    "loss-weights-change",
)
"""From one step to the next the student, or what it is asked, is another one."""

BY_HEART = (
    *("overfitting", "label-loss-too-low", "noise-missing", "batches-repeat", "label-loss-apart"),
    *("evaluation-seen", "certainty-disagrees"),
)
"""The student is asked what it was told."""

OTHER_TARGETS = (
    *("kd-stays", "lm-rises-while-kd-falls", "teacher-does-not-match", "teacher-drifts", "targets-degenerate"),
    *("term-rises", "columns-copied", "term-apart", "kd-out-of-step", "kd-has-a-floor"),
)
"""The teacher answers for something else, or is another one."""

OTHER_MEASURE = (
    *("evaluation-objective-differs", "perplexity-disagrees", "evaluation-better", "totals-differ"),
    *("certainty-disagrees", "evaluation-set-changes"),
)
"""The evaluation counts in another way than the training."""

BROKEN = ("non-finite", "non-finite-hidden", "non-finite-gradient")
"""Numbers that are none."""
