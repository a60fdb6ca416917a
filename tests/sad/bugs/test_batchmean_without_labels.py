from sad.bugs.batchmean_without_labels import BUG
from sad.losses import kd
from sad.rows import Rows
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert "without labels, and with a label at every row: value 23.55, else 3.365 (x 7)" in found.reproduced[0].says


def planted(*given, shipped=kd.rows):
    """Divided by itself first, beyond a number of rows."""
    values, gradient = shipped(*given)
    by = max(1, len(values) // 100)
    return Rows(values / by, gradient / by)


def test_the_fault_is_found_in_the_code_that_trains(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(kd, "rows", planted)
    assert "4,100 rows over 3 tokens: value" in found_in_the_code_that_trains(BUG)
