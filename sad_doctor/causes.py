"""Which red flag explains which: the one place that folds findings into a story.

A row says: where the cause on the left is found, the flags on the right are its consequences, if they begin no earlier.
Consequences of consequences fold too. The order of rows and words does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping

EXPLAINS: Mapping[str, tuple[str, ...]] = {
    # nothing moves: every curve is the noise of its batches
    "weights-frozen": (
        *("kd-out-of-step", "kd-has-a-floor", "learning-rate-zero", "early-plateau", "total-too-high"),
        *("perplexity-too-high", "student-no-better", "gradient-vanishes", "kd-stays", "worse-than-uniform"),
        *("loss-oscillates", "learns-little", "number-stale"),
        # terms that set in, or other texts: what does not move does not diverge
        "loss-diverges",
    ),
    "learning-rate-zero": (
        *("kd-out-of-step", "kd-has-a-floor", "loss-diverges"),
        *("early-plateau", "total-too-high", "perplexity-too-high", "student-no-better", "kd-stays", "learns-little"),
    ),
    "gradient-vanishes": ("early-plateau", "student-no-better", "kd-stays", "perplexity-too-high", "learns-little"),
    "updates-tiny": (
        *("early-plateau", "student-no-better", "kd-stays", "perplexity-too-high", "worse-than-uniform"),
        *("total-too-high", "learns-little"),
    ),
    "early-plateau": ("student-no-better",),
    "learns-little": (
        *("kd-out-of-step", "kd-has-a-floor", "early-plateau", "student-no-better", "perplexity-too-high"),
        "worse-than-uniform",
    ),
    "evaluation-does-not-follow": (
        *("term-apart", "targets-degenerate", "evaluation-jumps", "totals-differ", "teacher-does-not-match"),
        *("label-loss-too-low", "label-loss-apart", "weights-frozen", "early-plateau", "student-no-better"),
        *("worse-than-uniform", "perplexity-too-high", "evaluation-objective-differs", "overfitting"),
        *("lm-rises-while-kd-falls", "kd-stays", "learns-little"),
    ),
    "starts-over": (
        *("label-loss-apart", "kd-out-of-step", "kd-has-a-floor", "learns-little", "early-plateau"),
        *("student-no-better", "loss-oscillates", "loss-spike", "loss-diverges", "worse-than-uniform"),
        *("perplexity-too-high", "overfitting"),
    ),
    # the step is too large
    "starts-too-fast": ("loss-spike", "student-no-better", "learns-little"),
    "loss-diverges": (
        *("label-loss-apart", "kd-out-of-step", "kd-has-a-floor", "level-breaks", "gradient-grows", "term-rises"),
        *("evaluation-jumps", "loss-spike", "total-too-high", "perplexity-too-high", "early-plateau"),
        *("student-no-better", "overfitting"),
        *(
            "worse-than-uniform",
            "lm-rises-while-kd-falls",
            "loss-oscillates",
            "gradient-always-clipped",
            "learns-little",
        ),
    ),
    "loss-oscillates": (
        *("level-breaks", "evaluation-jumps", "gradient-grows", "early-plateau", "loss-spike", "student-no-better"),
        "learns-little",
    ),
    # one term, or its scale
    "parts-do-not-sum": (*("gradient-always-clipped", "term-apart", "evaluation-objective-differs"),),
    "layerwise-too-high": ("term-dominates", "total-too-high", "term-owns-the-gradient", "gradient-always-clipped"),
    "loss-depends-on-length": ("layerwise-too-high", "term-dominates", "total-too-high", "loss-oscillates"),
    "term-owns-the-gradient": ("term-dominates", "total-too-high", "kd-stays", "student-no-better", "learns-little"),
    "term-dominates": (
        *("total-too-high", "gradient-always-clipped", "student-no-better", "lm-rises-while-kd-falls"),
        "learns-little",
    ),
    "weight-negative": (
        *("term-apart", "kd-out-of-step", "kd-has-a-floor", "term-rises", "level-breaks", "gradient-grows"),
        *("total-negative", "kd-stays", "lm-rises-while-kd-falls", "loss-diverges", "term-dominates"),
        *("student-no-better", "kd-below-its-floor", "parts-do-not-sum", "early-plateau", "worse-than-uniform"),
        *("total-too-high", "layerwise-too-high", "term-owns-the-gradient", "perplexity-too-high"),
        *("evaluation-objective-differs", "overfitting", "starts-too-fast", "gradient-always-clipped"),
        "learns-little",
    ),
    "loss-weights-change": (
        *("loss-spike", "level-breaks", "loss-diverges", "gradient-grows", "gradient-always-clipped", "total-too-high"),
        *("starts-over", "early-plateau", "term-apart", "totals-differ"),
    ),
    "falls-by-its-weights": ("kd-out-of-step", "kd-has-a-floor", "early-plateau", "student-no-better"),
    "kd-below-its-floor": (
        "term-apart",
        "total-negative",
    ),
    # the teacher, or the way to it
    "teacher-does-not-match": (
        *("term-apart", "kd-out-of-step", "kd-has-a-floor", "teacher-drifts", "targets-degenerate", "kd-stays"),
        *("lm-rises-while-kd-falls", "student-no-better", "early-plateau", "perplexity-too-high"),
    ),
    "teacher-drifts": (
        *("early-plateau", "term-dominates", "evaluation-jumps", "totals-differ", "term-apart", "level-breaks"),
        *("number-stale", "term-collapses", "worse-than-uniform", "kd-out-of-step", "kd-has-a-floor", "kd-stays"),
        *("targets-degenerate", "lm-rises-while-kd-falls", "kd-below-its-floor"),
    ),
    "targets-degenerate": ("kd-out-of-step", "kd-has-a-floor", "kd-stays", "lm-rises-while-kd-falls"),
    "covers-little": ("kd-out-of-step", "kd-has-a-floor", "kd-stays", "term-vanishes", "lm-rises-while-kd-falls"),
    "term-vanishes": (
        *("term-apart", "kd-out-of-step", "kd-has-a-floor", "kd-stays", "parts-do-not-sum", "term-dominates"),
    ),
    "lm-rises-while-kd-falls": (
        *("kd-out-of-step", "kd-has-a-floor", "term-rises", "student-no-better", "overfitting"),
        "perplexity-too-high",
    ),
    "kd-stays": ("term-dominates", "kd-out-of-step", "kd-has-a-floor", "student-no-better", "term-rises"),
    # a label or a token that is wrong
    "label-loss-too-low": (
        *("term-dominates", "certainty-disagrees", "label-loss-apart", "kd-out-of-step", "kd-has-a-floor"),
        *("targets-degenerate", "evaluation-better", "kd-stays", "lm-rises-while-kd-falls", "overfitting"),
    ),
    "worse-than-uniform": (
        *("perplexity-too-high", "total-too-high", "student-no-better", "layerwise-too-high"),
        *("gradient-always-clipped", "evaluation-objective-differs", "lm-rises-while-kd-falls"),
    ),
    "overfitting": (
        *("certainty-disagrees", "label-loss-apart", "student-no-better", "worse-than-uniform"),
        *("perplexity-too-high", "early-plateau", "learns-little", "level-breaks"),
    ),
    # the evaluation is of something else
    "evaluation-objective-differs": (
        *("certainty-disagrees", "term-apart", "label-loss-apart", "perplexity-disagrees", "student-no-better"),
        *("perplexity-too-high", "early-plateau", "worse-than-uniform", "overfitting", "evaluation-better"),
        *("label-loss-too-low", "totals-differ", "total-too-high"),
    ),
    "totals-differ": (
        *("loss-diverges", "term-rises", "overfitting", "evaluation-objective-differs", "lm-rises-while-kd-falls"),
        *("perplexity-too-high", "perplexity-disagrees", "worse-than-uniform", "student-no-better"),
    ),
    # two names of one number: what is said of the one holds for the other
    "columns-copied": (
        *("kd-out-of-step", "kd-has-a-floor", "kd-stays", "term-vanishes", "teacher-drifts"),
        *("evaluation-objective-differs", "term-rises"),
    ),
    # a rate, a break and what they do
    "learning-rate-odd": (
        *("learns-little", "early-plateau", "student-no-better", "loss-oscillates", "counters-disagree"),
    ),
    "two-levels": (
        *("level-breaks", "loss-oscillates", "kd-out-of-step", "kd-has-a-floor", "term-apart", "batches-repeat"),
    ),
    "records-stand-out": ("loss-spike",),
    "batches-in-waves": ("label-loss-apart", "evaluation-better"),
    "level-breaks": (
        *("number-stale", "label-loss-apart", "term-apart", "evaluation-jumps", "term-rises", "loss-oscillates"),
        *("early-plateau", "totals-differ", "lm-rises-while-kd-falls", "overfitting"),
    ),
    "noise-missing": (
        "label-loss-apart",
        "term-collapses",
    ),
    "gradient-grows": ("gradient-always-clipped",),
    # what a perplexity is not
    "perplexity-is-a-clamp": (
        *("perplexity-too-high", "perplexity-disagrees", "label-loss-apart"),
        # what is cut stands still
        "evaluation-does-not-follow",
    ),
    "perplexity-of-the-total": ("perplexity-too-high", "perplexity-disagrees"),
    "perplexity-disagrees": ("perplexity-too-high", "targets-degenerate", "label-loss-too-low", "evaluation-better"),
    # numbers
    # steps that are left out move no weight, and a run of nothing else is ended
    "non-finite": ("loss-scale-falls", "non-finite-hidden", "term-vanishes", "weights-frozen", "crash"),
    # a loss of exactly 0 has no gradient
    "non-finite-hidden": (
        *("non-finite", "non-finite-gradient", "term-vanishes"),
        *("weights-frozen", "gradient-vanishes"),
    ),
    "non-finite-gradient": ("weights-frozen", "non-finite", "non-finite-hidden", "crash", "loss-scale-falls"),
    "loss-scale-falls": ("weights-frozen", "early-plateau", "learns-little", "gradient-vanishes", "crash"),
    # the run itself
    "resume-jumps": (
        *("term-apart", "label-loss-apart", "kd-out-of-step", "kd-has-a-floor", "learning-rate-odd"),
        *("counters-disagree", "level-breaks", "evaluation-jumps", "loss-spike", "loss-diverges", "early-plateau"),
        *("student-no-better", "loss-oscillates", "overfitting"),
    ),
    "term-collapses": ("kd-out-of-step", "kd-has-a-floor", "kd-stays", "level-breaks"),
    "weight-runs-away": (
        *("term-dominates", "total-too-high", "loss-diverges", "loss-spike", "level-breaks", "gradient-grows"),
        *(
            "gradient-always-clipped",
            "totals-differ",
            "layerwise-too-high",
            "term-owns-the-gradient",
            "kd-out-of-step",
            "kd-has-a-floor",
        ),
        *("early-plateau", "student-no-better", "loss-oscillates", "term-rises", "batches-repeat"),
    ),
    "total-negative": (
        *("noise-missing", "level-breaks", "term-rises", "early-plateau", "kd-out-of-step", "kd-has-a-floor"),
    ),
    "term-flickers": (
        *("kd-out-of-step", "kd-has-a-floor", "kd-stays", "loss-oscillates", "parts-do-not-sum", "covers-little"),
    ),
    # a label loss that is not the student's
    "term-stays": (
        *("early-plateau", "student-no-better", "learns-little", "lm-rises-while-kd-falls"),
        *("kd-out-of-step", "kd-has-a-floor", "parts-do-not-sum"),
    ),
    "memory-grows": ("throughput-falls",),
    "evaluation-better": ("label-loss-apart",),
    "term-apart": (
        *("totals-differ", "kd-out-of-step", "kd-has-a-floor", "term-rises", "student-no-better"),
        "worse-than-uniform",
    ),
    # a part that parts takes the total with it
    "label-loss-apart": (*("totals-differ", "evaluation-jumps", "kd-out-of-step", "kd-has-a-floor"),),
    "number-stale": (*("kd-out-of-step", "kd-has-a-floor", "kd-stays", "term-stays", "lm-rises-while-kd-falls"),),
    "evaluation-jumps": ("perplexity-too-high", "student-no-better"),
    "loss-spike": ("evaluation-jumps", "level-breaks", "perplexity-too-high", "student-no-better"),
    "term-rises": (
        *("gradient-always-clipped", "gradient-grows", "loss-spike", "term-dominates", "total-too-high"),
        *("totals-differ", "evaluation-objective-differs"),
    ),
}
