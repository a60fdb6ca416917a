import torch

from sad.shipped.kept import STEPS, shipped_kept


def test_every_checkpoint_and_the_exported_student_are_claimed():
    kept = shipped_kept()()
    assert [claim.of for claim in kept.claims] == [
        "the checkpoint of step 2",
        f"the checkpoint of step {STEPS}",
        "the exported student",
    ]
    first, last, exported = kept.claims
    assert last.told == exported.told != first.told
    assert all(torch.equal(tensor, exported.saved[name]) for name, tensor in last.saved.items())
    assert all(torch.equal(tensor, kept.last[name]) for name, tensor in kept.scored.items())
    assert any(not torch.equal(tensor, kept.last[name]) for name, tensor in kept.start.items())


def test_its_score_is_of_the_weights_that_it_is_given():
    kept = shipped_kept()()
    assert kept.score(kept.start) > kept.score(kept.last) == kept.claims[-1].told
