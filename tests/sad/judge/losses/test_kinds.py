"""The kind of a formula, and what the ends of beta are."""

from pathlib import Path

from sad.judge.losses.call import Call
from sad.judge.losses.discover import discover
from sad.judge.losses.kinds import at_end, kind_of
from sad.judge.target import load
from sad.subjects.divergence import Kind

RIGHT = Path(__file__).parents[1] / "right_losses.py"


def general(student_logits, teacher_logits, beta=0.5):
    p, q = teacher_logits.softmax(-1), student_logits.softmax(-1)
    middle = (beta * p + (1 - beta) * q).log()
    return (beta * p * (p.log() - middle) + (1 - beta) * q * (q.log() - middle)).sum(-1).mean()


def test_a_known_one_and_one_with_a_beta():
    plain = discover(Call(load(f"{RIGHT}:plain")), 0)
    assert kind_of(plain.call, plain.fit, 0) == (Kind.FORWARD_KL, True, [])
    shape = discover(Call(general), 0)
    kind, documented, notes = kind_of(shape.call, shape.fit, 0)
    assert (kind, documented) == (Kind.OTHER, True)
    assert notes == ["at beta 0 it is zero, at beta 1 zero: the JSD itself, without the limits that some take there"]
    assert at_end(shape.call, 1.0, 0) == "zero"
