from __future__ import annotations

from types import SimpleNamespace

import pytest

from sad.judge.battery import judged
from sad.judge.losses import leave_open
from sad.subjects.divergence import Contract, Divergence, Kind
from sad.verdict import Cause, Standing, Verdict

PLAIN = Divergence(Contract(), lambda given: given.student_logits.sum())
OTHER = Divergence(Contract(kind=Kind.OTHER), PLAIN.loss)


RATIO, HALF = {"ratio": 0.998}, {"ratio": 0.5}
KEPT = {"text": "values, at = logits.topk(k, dim=-1)"}


@pytest.mark.parametrize(
    ("name", "verdict", "divergence", "more", "standing"),
    [
        ("finite", {"cause": Cause.RULED_OUT}, PLAIN, {}, Standing.ALLOWED),
        ("finite", {}, PLAIN, {}, Standing.BROKEN),
        ("finite", {"cause": Cause.FLOAT16}, PLAIN, {"mixed": True}, Standing.ALLOWED),
        ("finite", {"cause": Cause.FLOAT16}, PLAIN, {}, Standing.BROKEN),
        ("path_parity", {"cause": Cause.LARGE_VOCABULARY, "numbers": RATIO}, PLAIN, {}, Standing.ALLOWED),
        ("path_parity", {"cause": Cause.LARGE_VOCABULARY, "numbers": HALF}, PLAIN, {}, Standing.BROKEN),
        ("padding", {}, PLAIN, {"uneven": True}, Standing.ALLOWED),
        ("padding", {}, PLAIN, {}, Standing.BROKEN),
        ("path_parity", {"cause": Cause.LARGE_VOCABULARY, "numbers": HALF}, PLAIN, KEPT, Standing.ALLOWED),
        ("padding", {}, PLAIN, KEPT, Standing.BROKEN),
        ("padding", {}, OTHER, {"coupled": True}, Standing.ALLOWED),
        ("ignored_rows", {}, OTHER, {"coupled": True}, Standing.BROKEN),
        ("finite", {}, OTHER, {"coupled": True}, Standing.BROKEN),
        ("derivative", {}, OTHER, {"text": "w = gap.detach()"}, Standing.ALLOWED),
        ("derivative", {}, PLAIN, {"text": "w = gap.detach()"}, Standing.BROKEN),
    ],
)
def test_what_may_be_left_to_the_caller(monkeypatch, name, verdict, divergence, more, standing):
    monkeypatch.setattr(leave_open, "judged", lambda *_: Verdict(False, "a fault", **verdict))
    it = leave_open.settled(name, divergence, **more)
    assert it.standing is standing
    assert "a fault" in it.says


def test_the_causes_come_from_the_properties_themselves():
    def with_epsilon(given):
        student, teacher = (x.float().softmax(-1) for x in (given.student_logits, given.teacher_logits))
        return (teacher * (teacher / (student + 1e-8)).log()).nansum(-1).mean()

    def without_those(given):
        student, teacher = given.student_logits.float(), given.teacher_logits.float()
        out = student.isinf() | teacher.isinf()
        log_q, log_p = (x.masked_fill(out, -1e4).log_softmax(-1) for x in (student, teacher))
        return (log_p.exp() * (log_p - log_q)).sum(-1).mean()

    many = judged("path_parity", Divergence(Contract(), with_epsilon))
    assert (many.cause, many.standing) == (Cause.LARGE_VOCABULARY, Standing.BROKEN)
    assert many.numbers["ratio"] == pytest.approx(1, abs=0.02)
    dropped = judged("finite", Divergence(Contract(), without_those))
    assert dropped.standing is Standing.BROKEN
    assert dropped.cause is Cause.RULED_OUT, dropped.says


@pytest.mark.parametrize(
    ("says", "text", "standing"),
    [
        ("unrelated logits: gradient 1 x right", "(q + 1e-9).log()", Standing.ALLOWED),
        ("unrelated logits: gradient 1 x right", "q.log()", Standing.BROKEN),
        ("unrelated logits: gradient 1.4 x right", "(q + 1e-9).log()", Standing.BROKEN),
    ],
)
def test_an_epsilon_explains_a_thousandth_and_no_more(monkeypatch, says, text, standing):
    monkeypatch.setattr(leave_open, "judged", lambda *_: Verdict(False, says))
    assert leave_open.settled("divergence_gradient", PLAIN, text).standing is standing


def test_an_attention_is_hardly_ever_sharp(monkeypatch):
    for says, standing in (("logits 60 times as large: cut", Standing.ALLOWED), ("ordinary logits", Standing.BROKEN)):
        monkeypatch.setattr(leave_open, "judged", lambda *_, says=says: Verdict(False, says))
        assert leave_open.settled("finite", PLAIN, maps=True).standing is standing
    assert leave_open.settled("finite", PLAIN).standing is Standing.BROKEN


def test_a_mark_of_the_vocabulary_is_one_token_of_the_order(monkeypatch):
    says = Verdict(False, "the tokens in another order: value 88.02, else 91.95 (x 0.957)")
    monkeypatch.setattr(leave_open, "judged", lambda *_: says)
    assert leave_open.settled("path_parity", SimpleNamespace(known=True), marked=True).standing is Standing.ALLOWED
    assert leave_open.settled("path_parity", SimpleNamespace(known=True)) is says
