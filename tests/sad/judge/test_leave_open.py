from __future__ import annotations

import pytest

from sad.case import Standing, Verdict
from sad.judge import leave_open
from sad.subjects.divergence import Contract, Divergence, Kind

PLAIN = Divergence(Contract(), lambda given: given.student_logits.sum())
OTHER = Divergence(Contract(kind=Kind.OTHER), PLAIN.loss)


@pytest.mark.parametrize(
    ("name", "says", "divergence", "more", "standing"),
    [
        ("finite", "a logit of 30000, float16: the loss is infinite, right is 6e+04", PLAIN, {}, Standing.ALLOWED),
        ("finite", "ordinary logits, float16: the loss is infinite, right is 2", PLAIN, {}, Standing.BROKEN),
        ("finite", "a token ruled out by both, float32: value 3.042, right 3.043 (x 1)", PLAIN, {}, Standing.ALLOWED),
        (
            "finite",
            "a token ruled out by the teacher, float32: the loss is 3.5, and the gradient of 1 rows is not finite",
            PLAIN,
            {},
            Standing.BROKEN,
        ),
        ("path_parity", "2 rows over 70,001 tokens: value 0.4375, right 0.4382 (x 0.998)", PLAIN, {}, Standing.ALLOWED),
        ("path_parity", "2 rows over 70,001 tokens: value 0.2, right 0.4 (x 0.5)", PLAIN, {}, Standing.BROKEN),
        ("padding", "beside longer ones: value 1", PLAIN, {"uneven": True}, Standing.ALLOWED),
        ("padding", "beside longer ones: value 1", PLAIN, {}, Standing.BROKEN),
        ("derivative", "slope 1, gradient 2", OTHER, {"text": "w = gap.detach()"}, Standing.ALLOWED),
        ("derivative", "slope 1, gradient 2", PLAIN, {"text": "w = gap.detach()"}, Standing.BROKEN),
    ],
)
def test_what_may_be_left_to_the_caller(monkeypatch, name, says, divergence, more, standing):
    monkeypatch.setattr(leave_open, "judged", lambda *_: Verdict(False, says))
    assert leave_open.settled(name, divergence, **more).standing is standing


def test_a_view_that_cannot_be_made_is_allowed_where_all_else_holds(monkeypatch):
    verdicts = iter([Verdict(False, "tensors that are not contiguous: it raises RuntimeError"), Verdict(True, "holds")])
    monkeypatch.setattr(leave_open, "judged", lambda *_: next(verdicts))
    assert leave_open.settled("path_parity", PLAIN).standing is Standing.ALLOWED
