"""Signals: arrays in, arrays out. Shares, trend, plateau, frozen, clamp, spike, printed precision."""

from sad_doctor.signals.absent import Absent, absent, gone
from sad_doctor.signals.along import evaluated, events_at, lengths, noises
from sad_doctor.signals.around import AROUND, after, around, label_evaluated, term_evaluated
from sad_doctor.signals.batches import neighbours, noise_share, per_batch
from sad_doctor.signals.beside import Beside, beside, rest, weight_moves
from sad_doctor.signals.blocks import Blocks, blocks, ends, fall, rank_correlation
from sad_doctor.signals.breaks import Break, breaks, spread, torn
from sad_doctor.signals.completes import completed
from sad_doctor.signals.epochs import drops_at_passes, in_first_pass, pass_begins
from sad_doctor.signals.evaluations import evaluation_moves, evaluations, measured
from sad_doctor.signals.followed import OF_THE_STUDENT, as_loss, learned, never_came_down, student_evaluated
from sad_doctor.signals.leaps import Leap, leaps
from sad_doctor.signals.learning import always_zero, decayed, falls, level_off, loss_falls, never_steps
from sad_doctor.signals.levels import BLOCK, Levels, levels
from sad_doctor.signals.lost import Lost, lost
from sad_doctor.signals.measures import measures, stands_still
from sad_doctor.signals.objective import of_classes, rewarded
from sad_doctor.signals.parts import Parts, found_weights, parts, shares, sums_to, table
from sad_doctor.signals.perplexity import CLAMPS, clamp_of, is_exp_of
from sad_doctor.signals.precision import sample, significand, significant_digits, tolerance, unit
from sad_doctor.signals.ramped import Ramped, ramped
from sad_doctor.signals.regular import Regular, outlying, regular
from sad_doctor.signals.repeats import Repeat, repeats, resolution, stands
from sad_doctor.signals.reweighted import Reweighted, exchanged, reweighted
from sad_doctor.signals.rises import Rise, lowest, rise
from sad_doctor.signals.scaled import number_alone
from sad_doctor.signals.seams import (
    Beginning,
    Doubled,
    beginnings,
    doubled,
    rates_beside,
    recounted,
    rewound,
    told_again,
    warms_again,
)
from sad_doctor.signals.series import Gain, Still, clamped, cut, fades, finite, frozen, gain, spikes, still, tidy, trend
from sad_doctor.signals.shared import shared
from sad_doctor.signals.sides import negligible, sides, totalled
from sad_doctor.signals.small import Small, too_small, weighted_pair
from sad_doctor.signals.standing import all_equal, hardly_moves, slows, stands_while
from sad_doctor.signals.switches import Jump, Switch, jump_at, staged, switches
from sad_doctor.signals.teacher import (
    TeacherGap,
    Way,
    is_the_entropy,
    teacher_gap,
    teacher_guess,
    teacher_held_out,
    way_to_the_teacher,
)
from sad_doctor.signals.temperature import temperature
from sad_doctor.signals.together import AtNoKd, came_trained, label_at_no_kd, share_done
from sad_doctor.signals.totals import ADDED, MadeOf, adds_itself, made_of
from sad_doctor.signals.unweighted import after_its_weight, is_summed, label_loss, unweighted
from sad_doctor.signals.waves import Wave, waves
from sad_doctor.signals.weights_evaluated import other_weights
from sad_doctor.signals.zeros import zeros_astray, zeros_in_turn

__all__ = [
    "ADDED",
    "AROUND",
    "BLOCK",
    "CLAMPS",
    "OF_THE_STUDENT",
    "Absent",
    "AtNoKd",
    "Beginning",
    "Beside",
    "Blocks",
    "Break",
    "Doubled",
    "Gain",
    "Jump",
    "Leap",
    "Levels",
    "Lost",
    "MadeOf",
    "Parts",
    "Ramped",
    "Regular",
    "Repeat",
    "Reweighted",
    "Rise",
    "Small",
    "Still",
    "Switch",
    "TeacherGap",
    "Wave",
    "Way",
    "absent",
    "adds_itself",
    "after",
    "after_its_weight",
    "all_equal",
    "always_zero",
    "around",
    "as_loss",
    "beginnings",
    "beside",
    "blocks",
    "breaks",
    "came_trained",
    "clamp_of",
    "clamped",
    "completed",
    "cut",
    "decayed",
    "doubled",
    "drops_at_passes",
    "ends",
    "evaluated",
    "evaluation_moves",
    "evaluations",
    "events_at",
    "exchanged",
    "fades",
    "fall",
    "falls",
    "finite",
    "found_weights",
    "frozen",
    "gain",
    "gone",
    "hardly_moves",
    "in_first_pass",
    "is_exp_of",
    "is_summed",
    "is_the_entropy",
    "jump_at",
    "label_at_no_kd",
    "label_evaluated",
    "label_loss",
    "leaps",
    "learned",
    "lengths",
    "level_off",
    "levels",
    "loss_falls",
    "lost",
    "lowest",
    "made_of",
    "measured",
    "measures",
    "negligible",
    "neighbours",
    "never_came_down",
    "never_steps",
    "noise_share",
    "noises",
    "number_alone",
    "of_classes",
    "other_weights",
    "outlying",
    "parts",
    "pass_begins",
    "per_batch",
    "ramped",
    "rank_correlation",
    "rates_beside",
    "recounted",
    "regular",
    "repeats",
    "resolution",
    "rest",
    "rewarded",
    "reweighted",
    "rewound",
    "rise",
    "sample",
    "share_done",
    "shared",
    "shares",
    "sides",
    "significand",
    "significant_digits",
    "slows",
    "spikes",
    "spread",
    "staged",
    "stands",
    "stands_still",
    "stands_while",
    "still",
    "student_evaluated",
    "sums_to",
    "switches",
    "table",
    "teacher_gap",
    "teacher_guess",
    "teacher_held_out",
    "temperature",
    "term_evaluated",
    "tidy",
    "told_again",
    "tolerance",
    "too_small",
    "torn",
    "totalled",
    "trend",
    "unit",
    "unweighted",
    "warms_again",
    "waves",
    "way_to_the_teacher",
    "weight_moves",
    "weighted_pair",
    "zeros_astray",
    "zeros_in_turn",
]
