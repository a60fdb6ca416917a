from dataclasses import replace

import pytest

from sad.bugs.target_leans_on_the_student import BUG
from sad.head.vocabulary import Vocabulary, vocabulary_pass
from sad.losses import contrastive, layerwise
from sad.shipped import transfer
from sad.terms import view
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert found.reproduced[0].says.startswith("kd: with the student's side constant its gradient is 0.81")
    assert found.reproduced[0].numbers["kd_leak"] > 0.5
    names = (
        "kd, layerwise, contrastive, alm, attention, a learned map of layers, a batch of negatives, relative, cosine"
    )
    assert found.fixed[0].says == f"{names}: nothing through the target"


@pytest.mark.parametrize(
    ("module", "name", "term"),
    [(layerwise, "layer_distance", "layerwise"), (contrastive, "info_nce", "contrastive")],
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


def attached(hidden, head, token, compared=None, chunks=None, **_):
    """KD by autograd, with the target in the graph."""
    mine = head.logits(hidden[compared.at])[:, : compared.tokens].log_softmax(-1)
    theirs = compared.target.vocab.project(compared.target.head.logits(compared.target.hidden))
    kept = vocabulary_pass(hidden, head, token, chunks=chunks).alm
    return Vocabulary((theirs.exp() * (theirs - mine)).sum(), hidden.sum() * 0.0, alm=kept)


def test_a_pass_that_does_not_detach_its_target_is_found(monkeypatch, found_in_the_code_that_trains):
    for module in (view, transfer):
        monkeypatch.setattr(module, "vocabulary_pass", attached)
    assert "kd: with the student's side constant its gradient is " in found_in_the_code_that_trains(BUG)


def test_a_target_without_a_graph_leaves_nothing_to_cut(monkeypatch, judged):
    """The rig is not blind: what it cuts is there until a loss cuts it."""
    for module in (view, transfer):
        monkeypatch.setattr(
            module,
            "vocabulary_pass",
            lambda hidden, head, token, compared, **rest: attached(
                hidden,
                head,
                token,
                replace(compared, target=replace(compared.target, hidden=compared.target.hidden.detach())),
                **rest,
            ),
        )
    assert judged(BUG).absent
