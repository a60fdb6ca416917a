from sad_doctor.rules.updates_tiny import RULE


def test_an_evaluation_that_falls_overrules_it(judge):
    text = "steps: 100\ntrain/update_ratio: 1e-6\ntrain/loss: 5 ~ 0.02\nsteps: 5 every 20\neval/lm_loss: "

    assert len(judge(RULE, text + "5.0291, 5.0290, 5.0290, 5.0289, 5.0289")) == 1
    assert judge(RULE, text + "5, 4.8, 4.6, 4.5, 4.4") == []


def test_warm_up_and_decay_do_not_count(judge):
    assert judge(RULE, "steps: 100\ntrain/loss: 5\ntrain/update_ratio: 0 -> 1e-4 -> 1e-4 -> 1e-4 -> 0") == []


def test_zero_is_for_the_frozen_weights(judge):
    assert judge(RULE, "steps: 100\ntrain/loss: 5\ntrain/update_ratio: 0") == []
