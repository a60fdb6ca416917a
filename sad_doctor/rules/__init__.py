"""The red flags, one file each: independent of one another, named after the symptom.

A new one: copy a neighbour; name the file after the symptom, the next free code of its group, and its slug with dashes,
which must read well after "the run has …"; write the page with the sections of :data:`sad_doctor.page.SECTIONS`, one
``run fires`` and one ``run quiet`` block at least; import it here and put it into :data:`RULES`; run the tests, then
``sad pages``. R1xx is the optimisation, R2xx the parts of the loss, R3xx the evaluation, R4xx numbers, R5xx the run
itself. A code is never used again.
"""

from sad_doctor.rule import Rule
from sad_doctor.rules import (
    crash,
    early_plateau,
    evaluation_objective_differs,
    layerwise_too_high,
    learning_rate_zero,
    loss_diverges,
    loss_spike,
    no_sign_of_life,
    non_finite,
    non_finite_gradient,
    non_finite_hidden,
    parts_do_not_sum,
    perplexity_is_a_clamp,
    perplexity_of_the_total,
    perplexity_too_high,
    raw_is_weighted,
    term_dominates,
    total_too_high,
    weights_frozen,
)

RULES: tuple[Rule, ...] = (
    weights_frozen.RULE,
    learning_rate_zero.RULE,
    early_plateau.RULE,
    loss_spike.RULE,
    loss_diverges.RULE,
    total_too_high.RULE,
    layerwise_too_high.RULE,
    term_dominates.RULE,
    parts_do_not_sum.RULE,
    raw_is_weighted.RULE,
    perplexity_is_a_clamp.RULE,
    perplexity_of_the_total.RULE,
    perplexity_too_high.RULE,
    evaluation_objective_differs.RULE,
    non_finite.RULE,
    non_finite_gradient.RULE,
    non_finite_hidden.RULE,
    crash.RULE,
    no_sign_of_life.RULE,
)
