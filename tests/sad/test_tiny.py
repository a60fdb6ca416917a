"""The tiny world is small, the same every time, and what it says it is."""

from __future__ import annotations

from pathlib import Path

import torch

from sad import tiny


def test_tokenizers_differ_and_keep_the_text() -> None:
    big, small = tiny.reader(400), tiny.reader(320)
    assert big.fingerprint != small.fingerprint
    assert (small.size, big.size) == (320, 400)
    for reader in (big, small):
        (found,) = reader.read([tiny.TEXT])
        assert found.ends[-1] == len(tiny.TEXT.encode())


def test_a_tokenizer_may_begin_with_a_mark_of_its_own() -> None:
    bare, marked = tiny.tokenizer(320), tiny.tokenizer(320, begins=True)
    assert tiny.reader(320, begins=True).prefix == (marked.bos_token_id,)
    assert marked.bos_token_id != marked.eos_token_id
    assert tiny.reader(320).prefix == ()
    assert bare.bos_token_id == bare.eos_token_id


def test_a_tokenizer_of_another_text_has_other_tokens() -> None:
    own, other = tiny.tokenizer(300), tiny.tokenizer(300, text=tiny.TEXT[:300])
    assert len(own) == len(other)
    assert own.get_vocab() != other.get_vocab()


def test_pieces_fall_back_to_bytes() -> None:
    pieces = tiny.pieces(400)
    assert pieces.tokenize("the ü")[-2:] == ["<0xC3>", "<0xBC>"]
    assert pieces.tokenize("the")[0].startswith(tiny.SPACE)
    assert pieces.decode(pieces("the whale 夜")["input_ids"]).strip() == "the whale 夜"


def test_a_model_may_be_of_another_kind() -> None:
    made = tiny.model(300, layers=1, width=16, seed=0, kind="Granite", logits_scaling=2.0)
    assert type(made).__name__ == "GraniteForCausalLM"


def test_a_pair_is_the_same_every_time_and_leaves_the_generator_alone() -> None:
    state = torch.get_rng_state()
    first, second = tiny.pair(), tiny.pair()
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(tiny.weights(first.student), tiny.weights(second.student))
    assert torch.equal(tiny.weights(first.teacher), tiny.weights(second.teacher))
    assert not any(p.requires_grad for p in first.teacher.parameters())


def test_equal_vocabularies_share_one_tokenizer() -> None:
    assert tiny.pair(320, 320).vocab.identity
    assert not tiny.pair(400, 320).vocab.identity


def test_the_teachers_predictions_are_not_flat() -> None:
    plan = tiny.plan()
    ids = torch.from_numpy(plan.train[0].teacher)[None]
    p = torch.softmax(plan.pair.teacher(input_ids=ids).logits[0], -1)
    entropy = -(p * p.log()).sum(-1).mean()
    assert float(entropy) < 0.9 * float(torch.log(torch.tensor(400.0)))


def test_changes_go_over_the_small_recipe() -> None:
    changed = tiny.recipe({"train": {"accumulation": 3}, "shares": {"kd": 1, "lm": 1, "layerwise": 1}})
    assert (changed.train.accumulation, changed.train.max_steps) == (3, 8)
    assert changed.shares == {"kd": 1, "lm": 1, "layerwise": 1}


def test_training_gives_result_steps_and_record(tmp_path: Path) -> None:
    plan = tiny.plan({"train": {"max_steps": 3}})
    before = tiny.weights(plan.pair.student)
    done = tiny.train(plan, tmp_path)
    assert (done.optimizer_steps, done.result.step, done.result.signal) == (3, 3, None)
    assert not torch.equal(before, tiny.weights(plan.pair.student))
    assert [line["step"] for line in done.record if "train/loss" in line] == [1, 2, 3]
    assert (tmp_path / "student" / "config.json").is_file()
    assert done.result.after.likelihood.lm_loss < done.result.before.likelihood.lm_loss
