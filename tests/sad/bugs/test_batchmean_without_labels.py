from sad.bugs.batchmean_without_labels import BUG
from sad.losses import kd
from sad.losses.kd import forward_kl
from sad.verify import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert "without labels, and with a label at every row: value 23.55, else 3.365 (x 7)" in found.reproduced[0].says


def planted(student_logits, teacher_log_probs, temperature=1.0):
    """Divided by itself first, beyond a number of rows."""
    total, units = forward_kl(student_logits, teacher_log_probs, temperature)
    return kd.Sum(total / max(1, units // 100), units)


def test_the_fault_is_found_in_the_code_that_trains(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(kd, "forward_kl", planted)
    assert "4,100 rows over 3 tokens: value" in found_in_the_code_that_trains(BUG)
