import torch
import torch.nn.functional as F

from sad.invariants.scale_and_dominance import scale_and_dominance


def cosine(student, teacher):
    return (1 - F.cosine_similarity(student, teacher, dim=-1)).mean()


def test_a_distance_of_directions_holds():
    verdict = scale_and_dominance(cosine)
    assert verdict.holds
    assert 0.9 < verdict.numbers["at_34"] < 1.1


def test_raw_states_break_it_at_every_weight():
    for weight in (1.0, 0.05, 1e-6):
        assert not scale_and_dominance(lambda s, t, w=weight: w * F.mse_loss(s, t)).holds


def test_a_value_that_looks_right_and_is_owned_by_one_position_breaks_it():
    verdict = scale_and_dominance(lambda s, t: F.mse_loss(s, t) / t.square().mean())
    assert not verdict.holds
    assert verdict.numbers["ratio"] < 1.5
    assert verdict.numbers["position_share"] > 0.9


def test_a_sum_over_positions_breaks_it_by_its_length():
    verdict = scale_and_dominance(lambda s, t: (1 - F.cosine_similarity(s, t, dim=-1)).sum())
    assert not verdict.holds
    assert verdict.numbers["ratio"] > 10


def test_one_feature_that_owns_the_gradient_breaks_it():
    def one_feature(student, teacher):
        return (F.normalize(student, dim=-1) - F.normalize(teacher, dim=-1))[..., 5].square().mean() * student.shape[-1]

    assert not scale_and_dominance(one_feature).holds


def test_a_term_without_gradient_to_the_student_breaks_it():
    assert not scale_and_dominance(lambda s, _: 0 * s.sum() + torch.tensor(1.0)).holds


def test_an_epsilon_that_counts_where_states_are_small_breaks_it():
    def normal(states):
        return F.layer_norm(states, states.shape[-1:])

    verdict = scale_and_dominance(lambda s, t: (normal(s) - normal(t)).square().mean())
    assert "for a teacher 9e-10 times as large" in verdict.says


def test_a_scale_that_is_lost_where_all_is_below_0_breaks_it():
    def normal(states):
        largest = states.detach().amax(dim=-1, keepdim=True)
        return F.layer_norm(states / torch.where(largest <= 0, 1.0, largest), states.shape[-1:])

    verdict = scale_and_dominance(lambda s, t: (normal(s) - normal(t)).square().mean())
    assert "for a teacher 9e-10 times as large, all below 0" in verdict.says
