from sad.bugs.cosine_is_linear import BUG, buggy, fixed
from sad.subjects.schedules import Schedule
from sad.subjects.trainer import Setup
from sad.train import optimizer


def test_it_is_called_what_it_is():
    says = [invariant(buggy()).says for invariant in BUG.invariants]
    assert "of the peak away from it, it is linear" in says[0]
    assert "of the peak away from a cosine schedule" in says[1]


def test_a_quarter_of_the_way_the_rates_differ():
    setup = Setup((3,) * 40, schedule=Schedule.COSINE, learning_rate=1.0)
    found = [taken.rate for taken in buggy().run(setup).taken]
    assert [found[k] for k in (10, 20, 30)] == [0.75, 0.5, 0.25]


def test_a_line_where_the_cosine_was_is_found(monkeypatch):
    def line(step, total, warmup, final):
        rising = round(warmup * total)
        if step < rising:
            return (step + 1) / rising
        return final + (1 - final) * (1 - (step - rising) / max(1, total - 1 - rising))

    monkeypatch.setattr(optimizer, "rate_factor", line)
    verdicts = [invariant(fixed()) for invariant in BUG.invariants]
    assert not any(verdict.holds for verdict in verdicts)
    assert "it is linear" in verdicts[0].says
