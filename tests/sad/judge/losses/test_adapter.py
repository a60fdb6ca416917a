# ruff: noqa: ARG001
from __future__ import annotations

from pathlib import Path

import pytest

from sad.errors import UserError
from sad.judge.check import judged
from sad.judge.losses.adapter import adapt, adapted
from sad.judge.process import judge
from sad.judge.roles import Role
from sad.subjects.divergence import Divergence

RIGHT = Path(__file__).parents[1] / "right_losses.py"
STRANGE = """
def loss(given, target):
    return target(frobnicated=given.student_logits, other=given.teacher_logits, which=given.labels)
"""


def test_an_adapter_says_how_a_strange_loss_is_called(tmp_path):
    (tmp_path / "strange.py").write_text(
        "def strange(*, frobnicated, other, which):\n"
        "    rows = (other.softmax(-1) * (other.log_softmax(-1) - frobnicated.log_softmax(-1))).sum(-1)\n"
        "    counts = which != -100\n    return rows[counts].sum() / counts.sum().clamp_min(1)\n"
    )
    (tmp_path / "adapter.py").write_text(STRANGE)
    target = f"{tmp_path / 'strange.py'}:strange"
    call = adapted(str(tmp_path / "adapter.py"), target)
    assert call.takes(Role.LABELS)
    assert not call.takes(Role.TEMPERATURE)
    request = {"loss": target, "adapter": str(tmp_path / "adapter.py"), "name": target}
    report = judge(request | {"only": ["known_divergence", "ignored_rows"]})
    assert report.code == 0, report
    assert report.what == "forward KL"
    with pytest.raises(UserError, match="needs --loss"):
        adapted(str(tmp_path / "adapter.py"), None)


def test_a_divergence_a_contract_and_nothing(tmp_path):
    file = tmp_path / "adapter.py"
    head = "from sad.subjects.divergence import Contract, Divergence\n"
    file.write_text(head + "divergence = Divergence(Contract(), lambda given: given.student_logits.sum())\n")
    assert isinstance(adapted(str(file), None), Divergence)
    other = tmp_path / "other.py"
    other.write_text(head + "contract = Contract()\ndef loss(given): return given.student_logits.sum()\n")
    assert isinstance(adapted(str(other), None), Divergence)
    nothing = tmp_path / "nothing.py"
    nothing.write_text("x = 1\n")
    with pytest.raises(UserError, match=r"define loss\(given\)"):
        adapted(str(nothing), None)


def test_what_is_read_is_what_it_takes():
    call = adapt(lambda given: given.student_logits.sum() * given.temperature * (given.count or 1))
    assert call.takes(Role.TEMPERATURE, Role.COUNT)
    assert not call.takes(Role.LABELS, Role.BETA)


def test_a_loss_that_raises_is_told():
    def broken(given):
        raise RuntimeError("no")

    assert "RuntimeError: no" in judged(broken).broken[0].says


def test_a_field_that_there_is_not_is_answered_with_those_that_there_are(tmp_path):
    (tmp_path / "adapter.py").write_text("def loss(given): return given.student.sum()\n")
    report = judge(
        {"loss": None, "adapter": str(tmp_path / "adapter.py"), "name": "adapter.py", "only": ["ignored_rows"]}
    )
    (line,) = report.broken
    assert "given has no student, it has student_logits, teacher_logits, labels, temperature" in line.says
    assert report.summary == "1 of 1 property broken"
