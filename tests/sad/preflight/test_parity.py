from __future__ import annotations

from dataclasses import replace

from sad import tiny
from sad.batch import Sum
from sad.preflight import parity as module
from sad.preflight.finding import Level
from sad.preflight.parity import parity


def test_evaluation_judges_with_the_trainings_objective(bench) -> None:
    (found,) = parity(bench({"shares": {"kd": 50, "lm": 30, "layerwise": 20}}))
    assert found.level is Level.FINE
    assert found.numbers["apart"] < 1e-5


def test_other_weights_in_evaluation_are_wrong(bench, wrong, monkeypatch) -> None:
    kept = module.evaluate

    def heavier(distiller, batches, objective):
        return kept(distiller, batches, replace(objective, weights={n: 2 * w for n, w in objective.weights.items()}))

    monkeypatch.setattr(module, "evaluate", heavier)
    (found,) = wrong(parity(bench()))
    assert "in training" in found.says
    assert found.numbers["apart"] > 0.9


def test_a_mean_of_batch_means_moves_with_the_batches(bench, wrong, monkeypatch) -> None:
    from sad import evaluate

    def averaged(self, name: str, summed: Sum) -> None:
        self.add(f"total/{name}", summed.total / max(1, summed.units))
        self.add(f"units/{name}", 1.0)

    monkeypatch.setattr(evaluate._Totals, "add_sum", averaged)
    (found,) = wrong(parity(bench()))
    assert "with the evaluation's batch size" in found.says


def test_an_evaluation_that_leaves_dropout_off_is_wrong(bench, wrong, monkeypatch) -> None:
    kept = module.evaluate

    def leaving(distiller, batches, objective):
        scores = kept(distiller, batches, objective)
        distiller.student.train()
        return scores

    monkeypatch.setattr(module, "evaluate", leaving)
    assert "another mode" in wrong(parity(bench()))[0].says


def test_contrastive_alone_is_judged_too(bench) -> None:
    alone = {"terms": {"contrastive": {"weight": 1.0}, **{n: {"weight": 0.0} for n in ("kd", "lm", "layerwise")}}}
    assert [f.level for f in parity(bench(alone))] == [Level.FINE]
    assert tiny.recipe(alone).terms.weights == {"contrastive": 1.0}
