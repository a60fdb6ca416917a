"""V113, and every fault of the objective that its property was made to see, planted in the code that trains."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from sad import data, evaluate, terms
from sad.align import example, vocab
from sad.align.vocab import VocabMap
from sad.batch import KD, LM, Sum
from sad.bugs.tokens_matched_by_id import BUG
from sad.distiller import Distiller
from sad.errors import UserError
from sad.evaluate import Likelihood
from sad.head import linear, vocabulary
from sad.invariants.objective_matches_the_texts import objective_matches_the_texts
from sad.losses import kd, lm
from sad.objective import Objective
from sad.rows import Rows
from sad.shipped import objective
from sad.train import held_out, parts
from sad.verify.battery import run


@pytest.fixture
def found():
    """Judge the code that trains while it has a fault; return what is said of it."""

    def judge():
        verdict = objective_matches_the_texts(BUG.fixed())
        assert not verdict.holds
        return verdict.says

    return judge


def wrong_update(says):
    """Only the gradient is off, and what the step makes of it."""
    return says.startswith(("two tokenizers: update ratio is", "two tokenizers: the gradient of"))


def test_verify_catches_it_and_finds_it_absent():
    (outcome,) = run([BUG])
    assert outcome.caught
    assert outcome.absent
    assert outcome.reproduced[0].says.startswith("two tokenizers: raw kd is")
    (half_a_fix,) = outcome.attempts["one size is one tokenizer"]
    assert half_a_fix.says.startswith("two tokenizers of one size: raw kd is")
    assert outcome.fixed[0].says.startswith("377 numbers and gradients are what the texts say")


def test_a_map_by_id_is_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(vocab, "first_tokens", lambda s, t: [i if i < s.size else -1 for i in range(t.size)])
    assert "two tokenizers: raw kd" in found_in_the_code_that_trains(BUG)


def test_equal_sizes_taken_for_one_tokenizer_are_found(monkeypatch, found):
    init = VocabMap.__init__

    def by_size(self, student, teacher):
        init(self, student, teacher)
        self.identity = student.size == teacher.size

    monkeypatch.setattr(VocabMap, "__init__", by_size)
    assert "two tokenizers of one size: raw kd" in found()


def test_a_map_that_forgets_the_temperature_is_found(monkeypatch, found):
    scores = VocabMap.scores
    monkeypatch.setattr(
        VocabMap, "scores", lambda self, logits, t=1.0: scores(self, logits, t if self.identity else 1.0)
    )
    assert "two tokenizers: raw kd" in found()


def test_labels_that_are_the_tokens_read_are_found(monkeypatch, found):
    def copying(view, shipped=terms.View.vocabulary):
        at = view.batch.targets
        view.batch = replace(view.batch, targets=replace(at, token=view.batch.student.input_ids[at.row, at.position]))
        return shipped(view)

    monkeypatch.setattr(terms.View, "vocabulary", copying)
    assert "raw lm is" in found()


@pytest.mark.parametrize("module", [lm, kd])
def test_a_term_scaled_out_of_sight_is_found(monkeypatch, found, module):
    shipped = module.rows
    monkeypatch.setattr(module, "rows", lambda *given: Rows(*(0.05 * part for part in shipped(*given))))
    assert f"raw {module.__name__.rpartition('.')[2]} is" in found()


@pytest.mark.parametrize("name", [LM, KD])
def test_a_term_scaled_after_the_pass_is_refused_by_the_pass(monkeypatch, name):
    term = terms.TERMS[name]

    def scaled(view):
        one = term(view)
        return Sum(0.05 * one.total, one.units)

    monkeypatch.setitem(terms.TERMS, name, scaled)
    with pytest.raises(RuntimeError, match="the terms were to be multiplied in the proportion"):
        objective_matches_the_texts(BUG.fixed())


def test_a_gradient_scaled_out_of_sight_is_found(monkeypatch, found):
    shipped = lm.rows

    def scaled(*given):
        values, gradient = shipped(*given)
        return Rows(values, 0.05 * gradient)

    monkeypatch.setattr(lm, "rows", scaled)
    assert wrong_update(found())


def test_a_clamped_likelihood_of_the_teacher_is_found(monkeypatch, found):
    likelihood = evaluate.likelihood

    def clamped(*given):
        right = likelihood(*given)
        return Likelihood(min(right.nats, 3.0 * right.tokens), right.tokens, right.bytes)

    monkeypatch.setattr(held_out, "likelihood", clamped)
    assert "held-out teacher's lm loss is 3," in found()


def test_bytes_that_count_twice_are_found(monkeypatch, found):
    assemble = example.assemble

    def twice(*given):
        right = assemble(*given)
        return replace(right, byte_count=2 * right.byte_count)

    monkeypatch.setattr(example, "assemble", twice)
    assert "held-out bits per byte is" in found()


@pytest.mark.parametrize("score", ["agreement", "mapped"])
def test_a_score_that_is_always_one_is_found(monkeypatch, found, score):
    scores = evaluate._scores
    monkeypatch.setattr(evaluate, "_scores", lambda *given: replace(scores(*given), **{score: 1.0}))
    assert f"held-out {score} is 1, from the texts 0." in found()


def test_a_last_batch_that_is_not_scored_is_found(monkeypatch, found):
    batches = held_out.batches
    monkeypatch.setattr(held_out, "batches", lambda *given: list(batches(*given))[:-1])
    assert "held-out " in found()


def test_an_evaluation_with_a_language_model_loss_of_its_own_is_found(monkeypatch, found):
    score = evaluate._score

    def other(distiller, view, totals):
        score(distiller, view, totals)
        # of all but the first label of the batch
        logits, at = view.head.logits(view.target_states()), view.batch.targets
        apart = lm.cross_entropy(logits[:1], at.token[:1])
        totals.add(f"total/{LM}", -apart.total)
        totals.add(f"units/{LM}", -1.0)

    monkeypatch.setattr(evaluate, "_score", other)
    assert "held-out raw lm is" in found()


def test_pairs_of_other_blocks_are_found(monkeypatch, found):
    class Shifted(Distiller):
        def __init__(self, *given):
            super().__init__(*given)
            self.pairs = tuple((mine, theirs - 1) for mine, theirs in self.pairs)

    monkeypatch.setattr(parts, "Distiller", Shifted)
    assert "raw layerwise is" in found()


def test_a_last_micro_batch_without_its_gradient_is_found(monkeypatch, found):
    part, calls = Objective.part, []

    def forgotten(self, sums, units):
        calls.append(None)
        loss = part(self, sums, units)
        return loss * 0.0 if len(calls) % 3 == 0 else loss

    monkeypatch.setattr(Objective, "part", forgotten)
    assert wrong_update(found())


def test_micro_batches_divided_each_by_its_own_units_are_found(monkeypatch, found):
    own = {}
    ask, part = Distiller.ask_teacher, Objective.part

    def counted(self, batch):
        own.update(batch.counts())
        return ask(self, batch)

    monkeypatch.setattr(Distiller, "ask_teacher", counted)
    monkeypatch.setattr(Objective, "part", lambda self, sums, _: part(self, sums, own))
    # what is not announced may be multiplied by anything
    monkeypatch.setattr(Objective, "scales", lambda *_: None)
    assert wrong_update(found())


def test_a_begin_mark_that_the_models_do_not_see_is_found(monkeypatch, found):
    monkeypatch.setattr("sad.align.reader._prefix", lambda _: [])
    assert "two tokenizers of one size: raw" in found()


def test_a_gradient_that_is_divided_instead_of_multiplied_is_found(monkeypatch, found):
    shipped = vocabulary._Pass.backward
    monkeypatch.setattr(Objective, "scales", lambda *_: None)
    monkeypatch.setattr(
        vocabulary._Pass, "backward", staticmethod(lambda ctx, *gradients: shipped(ctx, *(1 / g for g in gradients)))
    )
    assert wrong_update(found())


def test_a_step_that_reports_its_terms_times_their_weights_is_found(monkeypatch, found):
    ledger = Objective.ledger

    def weighted(self, totals, units):
        return ledger(self, {name: self.weights[name] * total for name, total in totals.items()}, units)

    monkeypatch.setattr(Objective, "ledger", weighted)
    assert "raw lm is" in found()


@pytest.mark.parametrize("setting", ["logits_scaling", "final_logit_softcapping", "logit_scale"])
def test_a_head_without_what_its_model_does_to_logits_is_found(monkeypatch, found, setting):
    """Before the first step; and, where nobody looks at the head, by the numbers."""
    shipped = linear.text_config

    def unset(model):
        config = shipped(model)
        names = ("num_hidden_layers", "unpadded_vocab_size", "logits_scaling", "final_logit_softcapping", "logit_scale")
        kept = set(names) - {setting}
        return SimpleNamespace(**{name: getattr(config, name, None) for name in kept})

    monkeypatch.setattr(linear, "text_config", unset)
    with pytest.raises(UserError, match="its head does something that sad does not know"):
        objective_matches_the_texts(BUG.fixed())
    monkeypatch.setattr(objective, "check_head", lambda *_: None)
    assert "from the texts" in found()


def test_more_held_out_texts_than_were_asked_for_are_found(monkeypatch, found):
    shipped = data.examples
    monkeypatch.setattr(data, "examples", lambda *given, **_: shipped(*given))
    assert "held-out" in found()
