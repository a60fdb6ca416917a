from sad.shipped.passes import shipped_passes


def test_both_models_have_dropout_and_are_two():
    given = shipped_passes()
    assert set(given.passes) == {"the teacher's pass", "an evaluation", "an evaluation of the teacher"}
    assert given.student.config.attention_dropout == 0.5
    assert given.student.training


def test_the_trained_pass_has_a_gradient():
    assert shipped_passes().trained().requires_grad
