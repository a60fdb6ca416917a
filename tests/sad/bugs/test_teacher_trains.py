from sad import distiller
from sad.bugs.teacher_trains import BUG
from sad.distiller import Distiller
from sad.train import parts
from sad.verify.battery import run


class Registered(Distiller):
    """Owns its teacher."""

    def __init__(self, *given):
        super().__init__(*given)
        self.owned = self.teacher


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert found.reproduced[0].numbers["moved"] > 0
    assert found.reproduced[0].numbers["training"] == 3
    (half_a_fix,) = found.attempts["no_grad around its pass"]
    assert half_a_fix.numbers["moved"] == 0
    assert half_a_fix.numbers["apart"] > 0


def test_a_teacher_in_training_mode_is_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(parts, "Distiller", Registered)
    assert "training mode" in found_in_the_code_that_trains(BUG)


def test_a_teacher_in_training_mode_for_its_pass_alone_is_found(monkeypatch, found_in_the_code_that_trains):
    ask = Distiller.ask_teacher

    def awake(self, batch):
        self.teacher.train()
        out = ask(self, batch)
        self.teacher.eval()
        return out

    monkeypatch.setattr(Distiller, "ask_teacher", awake)
    assert "in training mode in" in found_in_the_code_that_trains(BUG)


def test_a_pass_with_gradients_is_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(Distiller, "ask_teacher", Distiller.ask_teacher.__wrapped__)
    assert "with gradients in" in found_in_the_code_that_trains(BUG)


def test_a_teacher_with_gradients_is_found(monkeypatch, found_in_the_code_that_trains):
    class WithGradients(Distiller):
        def ask_teacher(self, batch):
            self.teacher.requires_grad_(True)
            return Distiller.ask_teacher.__wrapped__(self, batch)

    # the shipped losses detach the teacher: this one does not
    monkeypatch.setattr(parts, "Distiller", WithGradients)
    monkeypatch.setattr(distiller, "TERMS", {name: _attached(name) for name in distiller.TERMS})
    assert "gradient" in found_in_the_code_that_trains(BUG)


def test_a_teacher_in_the_optimizer_is_found(monkeypatch, found_in_the_code_that_trains):
    make = parts.make_optimizer

    def with_the_teacher(of, recipe):
        optimizer = make(of, recipe)
        group = {"params": list(of.teacher.parameters()), "lr": 0.01, "peak": 0.01, "weight_decay": 0.1}
        for parameter in group["params"]:
            parameter.grad = parameter.detach().clone().zero_()
        optimizer.add_param_group(group)
        return optimizer

    monkeypatch.setattr(parts, "make_optimizer", with_the_teacher)
    assert "moved" in found_in_the_code_that_trains(BUG)


def test_a_student_that_stays_in_evaluation_mode_is_found(monkeypatch, found_in_the_code_that_trains):
    train = Distiller.train
    monkeypatch.setattr(Distiller, "train", lambda self, _mode=True: train(self, False))
    assert "evaluation mode" in found_in_the_code_that_trains(BUG)


def _attached(name):
    term = distiller.TERMS[name]

    def attached(view):
        one = term(view)
        return one._replace(total=one.total + 0.0 * view.teacher.target.hidden.sum())

    return attached
