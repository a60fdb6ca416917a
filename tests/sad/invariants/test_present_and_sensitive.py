"""Right terms of several styles over states and attention hold; what is absent or deaf is named."""

from dataclasses import dataclass, field

import pytest
import torch
import torch.nn.functional as F

from sad.invariants.present_and_sensitive import present_and_sensitive


@dataclass
class Terms:
    of: dict
    enabled: tuple = field(init=False)

    def __post_init__(self):
        self.enabled = tuple(self.of)

    def values(self, student, teacher, tokens):
        with torch.no_grad():
            theirs = run(teacher, tokens)
        mine = run(student, tokens)
        values = {name: term(mine, theirs, tokens.attention_mask.bool()) for name, term in self.of.items()}
        return {name: value for name, value in values.items() if value is not None}


def run(model, tokens):
    model.set_attn_implementation("eager")
    return model(
        input_ids=tokens.input_ids,
        attention_mask=tokens.attention_mask,
        output_attentions=True,
        output_hidden_states=True,
    )


def attention_kl(mine, theirs, mask):
    p, q = (out.attentions[-1].transpose(1, 2)[mask].clamp_min(1e-9) for out in (theirs, mine))
    return (p * (p.log() - q.log())).sum(-1).mean()


def attention_cross_entropy(mine, theirs, mask):
    """Without the teacher's entropy: never zero, and right."""
    p, q = (out.attentions[-1].transpose(1, 2)[mask].clamp_min(1e-9) for out in (theirs, mine))
    return -(p * q.log()).sum(-1).mean()


def relative_mse(mine, theirs, mask):
    p, q = theirs.hidden_states[-1][mask], mine.hidden_states[-1][mask]
    return (p - q).square().mean() / p.square().mean()


def cosine(mine, theirs, mask):
    return 1 - F.cosine_similarity(mine.hidden_states[-2][mask], theirs.hidden_states[-2][mask], dim=-1).mean()


def relations(mine, theirs, mask):
    """Similarity of every two places within a model (Park et al. 2019), row by row as a distribution."""
    logs = []
    for out in (theirs, mine):
        states = F.normalize(out.hidden_states[-1][mask], dim=-1)
        logs.append((10 * states @ states.T).log_softmax(-1))
    return F.kl_div(logs[1], logs[0], reduction="batchmean", log_target=True)


RIGHT = {f.__name__: f for f in (attention_kl, attention_cross_entropy, relative_mse, cosine, relations)}


def test_right_terms_hold():
    verdict = present_and_sensitive(Terms(RIGHT))
    assert verdict.holds, verdict.says
    assert verdict.numbers["terms"] == len(RIGHT)


def small(mine, theirs, mask):
    return 0.02 * cosine(mine, theirs, mask)


def detached(mine, theirs, mask):
    return cosine(mine, theirs, mask).detach()


def constant(mine, theirs, mask):
    return 3 + 0 * cosine(mine, theirs, mask)


def not_finite(mine, theirs, mask):
    """The plain KL of maps that hold zeros."""
    p, q = (out.attentions[-1].transpose(1, 2)[mask] for out in (theirs, mine))
    return (p * (p.log() - q.log())).sum(-1).mean()


def itself(mine, _, mask):
    return cosine(mine, mine, mask) + 2


@pytest.mark.parametrize(
    ("term", "says"),
    [
        (lambda *_: None, "bad is enabled and absent"),
        (small, "bad is 0.0"),
        (detached, "bad gives the student no gradient (its norm is 0)"),
        (constant, "bad gives the student no gradient (its norm is 0)"),
        (not_finite, "bad is nan for unrelated models, nan for equal"),
        (itself, "bad is 2 for unrelated models, 2 for equal ones"),
    ],
)
def test_what_is_absent_or_deaf_is_named_beside_right_ones(term, says):
    verdict = present_and_sensitive(Terms({"cosine": cosine, "bad": term}))
    assert not verdict.holds
    assert verdict.says.startswith(says)


def test_nothing_enabled_is_nothing_judged():
    assert present_and_sensitive(Terms({})).says == "no term is enabled"
