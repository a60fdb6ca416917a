"""Sizes, data and schedules: those for mending the rules, and others that are only looked at in the end."""

from __future__ import annotations

from random import Random

from planted import (
    evidence_held,
    evidence_last,
    evidence_later_data,
    evidence_later_loop,
    evidence_mended,
    evidence_sound,
    evidence_sound_later,
    further,
    grid_data,
    grid_evaluated,
    grid_last,
    grid_machine,
    grid_rate,
    grid_teacher,
    grid_terms,
    grid_update,
    grid_weights,
    grid_written,
    healthy,
    letters_later,
    letters_run,
    letters_sound,
    letters_steps,
    letters_taught,
    letters_terms,
    loop,
    measures,
    objective,
    optimisation,
    others,
    reported,
    script_loop,
    script_loss,
    script_sound,
    sound,
    surroundings,
    targets,
    texts,
    unseen,
    variants,
    ways,
)
from planted.grid import halves
from planted.record import Plan
from planted.training import Training

OTHERS: tuple[type[Training], ...] = (*others.ALL, *unseen.ALL)
SICK: tuple[type[Training], ...] = (*optimisation.ALL, *objective.ALL, *texts.ALL, *surroundings.ALL)
LATER: tuple[type[Training], ...] = (*sound.ALL, *loop.ALL, *targets.ALL, *measures.ALL)
"""Kinds that were planted later, half of each file to mend rules by, half to judge them: a coin said which."""

REPORTED: tuple[type[Training], ...] = (*reported.ALL, *variants.ALL)
"""Kinds that were planted after the rules for pictures, from what others reported."""

GRID: tuple[type[Training], ...] = (*grid_data.ALL, *grid_teacher.ALL, *grid_terms.ALL, *grid_weights.ALL)
"""Each part of the loss and of the data, in each way of going wrong."""

_TUNED = (
    "StudentSliceShifted EvaluationInBits SlowerAndSlower OnlyNorms PlainDescent NewStudentEachEpoch TeacherInTwoBits "
    "FourBitWeights DividedTwice LostConnection PerplexityPerWord InfiniteLayerwise RateOfOneGroup "
    "EvaluationIsPerplexity OldWeightsAtEvaluation SortedTexts "
    "LowLoss BatchesGrow LargeBatches Bf16Weights OtherDomain LengthsGrow"
)
LOOP_GRID = (*grid_update.ALL, *grid_rate.ALL, *grid_written.ALL, *grid_evaluated.ALL, *grid_machine.ALL)
"""Parts from the backward pass to the machine, by ways of going wrong; a coin says which half rules are mended by."""
_BY, _OVER = ways.tossed(LOOP_GRID, "grid2")

GROUPS: dict[str, tuple[type[Training], ...]] = {
    "made for": (*healthy.ALL, *SICK),
    "others": OTHERS,
    "tuned": tuple(kind for kind in LATER if kind.__name__ in _TUNED.split()),
    "judged": tuple(kind for kind in LATER if kind.__name__ not in _TUNED.split()),
    "reported": REPORTED,
    "further": further.ALL,
    "grid-tuned": halves(GRID)[0],
    "grid-judged": halves(GRID)[1],
    "grid2-last": grid_last.ALL,
    "grid2-tuned": _BY,
    "grid2-judged": _OVER,
    "evidence-mended": evidence_mended.ALL,
    "evidence-held": evidence_held.ALL,
    "evidence-later": (*evidence_later_data.ALL, *evidence_later_loop.ALL),
    "evidence-last": evidence_last.ALL,
    "letters": (*letters_taught.ALL, *letters_terms.ALL, *letters_steps.ALL, *letters_run.ALL),
    "letters-later": letters_later.ALL,
    "letters-sound": letters_sound.ALL,
    "script": (*script_loss.ALL, *script_loop.ALL),
    "script-sound": script_sound.ALL,
    "evidence-sound": (*evidence_sound.ALL, *evidence_sound_later.ALL),
}
KINDS: dict[str, type[Training]] = {kind.__name__: kind for kinds in GROUPS.values() for kind in kinds}
OFFSETS = {"dev": 0, "held-out": 5000}


def plan(kind: str, split: str, seed: int) -> Plan:
    """Return the plan of a run; the splits share neither sizes nor schedules nor seeds."""
    luck = Random(f"{kind} {split} {seed}")
    seed += OFFSETS[split]
    if split == "dev":
        steps, every = luck.choice([(160, 2), (210, 4), (150, 1)])
        return Plan(
            seed=seed,
            vocabulary=luck.choice([128, 192]),
            width=32,
            length=luck.choice([16, 24]),
            batch=8,
            steps=steps,
            every=every,
            evaluate_every=steps // 10,
            rate=luck.choice([2e-3, 4e-3]),
            schedule=luck.choice(["cosine", "constant"]),
            temperature=luck.choice([1.0, 2.0]),
            weights={"kd": 1.0, "lm": luck.choice([0.5, 1.0]), "layerwise": luck.choice([0.3, 0.5])},
            averaged=luck.random() < 0.4,
        )
    steps, every = luck.choice([(180, 3), (240, 4), (140, 1), (200, 2)])
    return Plan(
        seed=seed,
        vocabulary=luck.choice([96, 256]),
        width=luck.choice([24, 48]),
        teacher_width=64,
        length=luck.choice([20, 28]),
        batch=luck.choice([6, 10]),
        steps=steps,
        every=every,
        evaluate_every=luck.choice([steps // 8, steps // 12]),
        rate=luck.choice([1.5e-3, 3e-3, 5e-3]),
        schedule=luck.choice(["cosine to a tenth", "linear", "wsd"]),
        warmup=luck.choice([0.03, 0.1]),
        temperature=luck.choice([1.5, 3.0]),
        weights={"kd": luck.choice([0.5, 2.0]), "lm": luck.choice([0.3, 1.0]), "layerwise": luck.choice([0.2, 0.8])},
        averaged=luck.random() < 0.4,
    )
