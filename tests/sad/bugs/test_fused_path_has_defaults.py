from sad.batch import KD, LM, Sum
from sad.bugs.fused_path_has_defaults import BUG
from sad.terms import TERMS
from sad.verify.battery import run

kd_term, lm_term = TERMS[KD], TERMS[LM]


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert "unrelated logits: value 4.681, right 0.5025 (x 9.31)" in found.reproduced[0].says
    assert "without labels, and with a label at every row: value" in found.reproduced[1].says
    assert "-100 as a label: value" in found.reproduced[2].says
    assert "(x 1.08)" in found.variants["the temperature alone"][0].says
    assert "(x 9.27)" in found.variants["the hard loss alone"][0].says


def planted(view):
    """Half of each."""
    soft, hard = kd_term(view), lm_term(view)
    return Sum(0.5 * soft.total + 0.5 * hard.total, soft.units)


def test_the_fault_is_found_in_the_code_that_trains(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setitem(TERMS, KD, planted)
    assert "unrelated logits at T = 1: value" in found_in_the_code_that_trains(BUG)
