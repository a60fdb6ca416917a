"""Which red flag explains which: the one place that folds findings into a story.

A row says: where the cause on the left is found, the flags on the right are its consequences, if they begin no earlier.
Consequences of consequences fold too. The order of rows and words does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping

EXPLAINS: Mapping[str, tuple[str, ...]] = {
    # nothing moves: every curve is the noise of its batches
    "weights-frozen": (
        *("learning-rate-zero", "early-plateau", "total-too-high", "perplexity-too-high", "student-no-better"),
        *("gradient-vanishes", "kd-stays", "worse-than-uniform", "loss-oscillates"),
    ),
    "learning-rate-zero": (
        *("early-plateau", "total-too-high", "perplexity-too-high", "student-no-better", "kd-stays"),
    ),
    "gradient-vanishes": ("early-plateau", "student-no-better", "kd-stays", "perplexity-too-high"),
    # the step is too large
    "loss-diverges": (
        *("loss-spike", "total-too-high", "perplexity-too-high", "early-plateau", "student-no-better", "overfitting"),
        *("worse-than-uniform", "lm-rises-while-kd-falls", "loss-oscillates", "gradient-always-clipped"),
    ),
    "early-plateau": ("student-no-better",),
    "loss-oscillates": ("early-plateau", "loss-spike", "student-no-better"),
    # one term, or its scale
    "layerwise-too-high": ("term-dominates", "total-too-high", "term-owns-the-gradient", "gradient-always-clipped"),
    "loss-depends-on-length": ("layerwise-too-high", "term-dominates", "total-too-high", "loss-oscillates"),
    "term-owns-the-gradient": ("term-dominates", "total-too-high", "kd-stays", "student-no-better"),
    "term-dominates": ("total-too-high", "gradient-always-clipped", "student-no-better"),
    "falls-by-its-weights": ("early-plateau", "student-no-better"),
    # the teacher, or the way to it
    "teacher-drifts": ("kd-stays", "targets-degenerate", "lm-rises-while-kd-falls", "kd-below-its-floor"),
    "targets-degenerate": ("kd-stays", "lm-rises-while-kd-falls"),
    "covers-little": ("kd-stays", "term-vanishes", "lm-rises-while-kd-falls"),
    "term-vanishes": ("kd-stays", "parts-do-not-sum"),
    "lm-rises-while-kd-falls": ("student-no-better", "overfitting", "perplexity-too-high"),
    "kd-stays": ("student-no-better",),
    # a label or a token that is wrong
    "worse-than-uniform": ("perplexity-too-high", "total-too-high", "student-no-better"),
    "label-loss-too-low": ("kd-stays", "lm-rises-while-kd-falls", "student-no-better"),
    "overfitting": ("student-no-better", "worse-than-uniform", "perplexity-too-high"),
    # what an evaluation is not
    "evaluation-objective-differs": ("worse-than-uniform", "perplexity-disagrees", "perplexity-too-high"),
    "perplexity-is-a-clamp": ("perplexity-too-high", "perplexity-disagrees"),
    "perplexity-of-the-total": ("perplexity-too-high", "perplexity-disagrees"),
    "perplexity-disagrees": ("perplexity-too-high",),
    # numbers
    "non-finite": ("non-finite-hidden", "term-vanishes"),
    "non-finite-hidden": ("non-finite", "non-finite-gradient", "term-vanishes"),
    "non-finite-gradient": ("weights-frozen", "non-finite", "non-finite-hidden"),
    # the run itself
    "resume-jumps": ("loss-spike", "loss-diverges", "early-plateau", "overfitting", "student-no-better"),
    "memory-grows": ("throughput-falls",),
}
