import pytest

from sad.align.vocab import VocabMap
from sad.bugs.target_leans_on_the_student import BUG
from sad.losses import contrastive, kd, layerwise
from sad.verify import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert found.reproduced[0].says.startswith("kd: with the student's side constant its gradient is 0.81")
    assert found.reproduced[0].numbers["kd_leak"] > 0.5
    assert found.fixed[0].says == "kd, layerwise, contrastive: nothing through the target"


@pytest.mark.parametrize(
    ("module", "name", "term"),
    [(kd, "forward_kl", "kd"), (layerwise, "layer_distance", "layerwise"), (contrastive, "info_nce", "contrastive")],
)
def test_a_loss_that_does_not_detach_its_target_is_found(
    monkeypatch, found_in_the_code_that_trains, module, name, term
):
    """`detach` is made to do nothing while the loss runs."""
    shipped = getattr(module, name)

    def loss(student, teacher, *more):
        with monkeypatch.context() as patch:
            patch.setattr("torch.Tensor.detach", lambda tensor: tensor)
            return shipped(student, teacher, *more)

    monkeypatch.setattr(module, name, loss)
    assert f"{term}: with the student's side constant its gradient is " in found_in_the_code_that_trains(BUG)


def test_a_target_without_a_graph_leaves_nothing_to_cut(monkeypatch):
    """The rig is not blind: what it cuts is there until a loss cuts it."""
    shipped = VocabMap.project
    monkeypatch.setattr(VocabMap, "project", lambda self, *more: shipped(self, *more).detach())
    assert next(run([BUG])).absent
