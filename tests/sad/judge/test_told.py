# ruff: noqa: ARG002
"""`--given`: a value, or another name, for a parameter or a setting whose name does not tell what it is."""

from __future__ import annotations

import inspect
import json

import pytest
import torch
import warm

from sad.errors import UserError
from sad.invariants import check
from sad.judge.check import judged


def forward(ours, theirs, keep, how):
    """The forward KL of the rows that `keep` has, or, where ``how`` is not "rows", of all of them."""
    p, q = theirs.log_softmax(-1), ours.log_softmax(-1)
    rows = torch.nn.functional.kl_div(q, p, reduction="none", log_target=True).sum(-1)
    return rows.where(keep, 0).sum() / keep.sum().clamp(min=1) if how == "rows" else rows.mean()


class Grouped:
    """Takes a constructor's word, and calls a method of its own whose parameter is told by the same name."""

    def __init__(self, paths, how, zs=None):
        self.how, self.zs = how, zs
        self.reset(3)

    def reset(self, zs):
        self.kept = zs

    def __call__(self, ours, theirs, keep):
        assert (self.zs, self.kept) == (4, 3)
        return forward(ours, theirs, keep, self.how)


class Trainer:
    def compute_loss(self, model, inputs):
        with torch.no_grad():
            theirs = self.big_one(**inputs).logits
        heat, ours = self.args.warmth, model(**inputs).logits
        return forward(ours / heat, theirs / heat, inputs["labels"] != -100, self.args.mean_of) * self.args.share


NAMES = {"ours": "student_logits", "theirs": "teacher_logits", "keep": "loss_mask"}


def test_what_is_told_is_given_and_said():
    report = judged(forward, given={**NAMES, "how": "rows"})
    assert report.what == "forward KL"
    assert not report.broken
    assert "how is 'rows', as told by --given" in report.assumed
    assert "keep is read as loss_mask, as told by --given" in report.assumed


def test_the_fault_of_one_mode_is_found_in_that_mode_alone():
    with pytest.raises(AssertionError, match="arguments_have_effect"):
        check(forward, given={**NAMES, "how": "all"})
    check(forward, given={**NAMES, "how": "rows"})


def test_without_it_every_name_that_is_missing_is_asked_for_at_once():
    with pytest.raises(
        UserError, match=r"what paths, how, keep of Grouped\(\).*given=\{'paths': …, 'how': …, 'keep': …\}"
    ):
        check(Grouped)


def test_a_constructor_is_told_and_the_class_is_as_it_was_afterwards():
    before = dict(vars(Grouped))
    report = judged(Grouped, given={**NAMES, "paths": [], "how": "rows", "zs": 4})
    assert report.what == "forward KL"
    assert not report.broken
    assert dict(vars(Grouped)) == before


def test_settings_that_are_read_from_objects_are_told():
    with pytest.raises(UserError, match=r"it reads self\.big_one.*\{'big_one': …\}"):
        check(Trainer.compute_loss)
    given = {"big_one": "teacher_model", "warmth": "temperature", "share": 1.0, "mean_of": "rows"}
    report = judged(Trainer.compute_loss, given=given)
    assert report.what == "forward KL"
    assert not report.broken


def loop(zork, feed, opti, window):
    for at, batch in enumerate(feed):
        logits = zork(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1]
        labels = batch["labels"][:, 1:]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100)
        (loss / window).backward()
        if (at + 1) % window == 0 or at + 1 == len(feed):
            opti.step()
            opti.zero_grad()


def test_a_loop_is_told_too():
    with pytest.raises(UserError, match=r"what feed should be .*--given feed=WHAT"):
        judged(loop, kind="step")
    given = {"zork": "model", "feed": "loader", "opti": "optimizer", "window": "accumulation_steps"}
    report = judged(loop, kind="step", given=given, only=("step_accounting", "split_invariance"))
    standing = {line.name: line.standing.value for line in report.lines}
    # the mean of the means of micro-batches
    assert standing == {"step_accounting": "holds", "split_invariance": "broken"}


def test_what_nothing_asks_for_is_refused():
    with pytest.raises(UserError, match="--given nope: it has no such parameter"):
        judged(forward, given={**NAMES, "how": "rows", "nope": 1})


def test_the_command_line_replays_and_refuses(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("import torch\n\n\n" + inspect.getsource(forward), encoding="utf-8")
    words = [f"--given={name}={what}" for name, what in {**NAMES, "how": "all"}.items()]
    ran = warm.sad(
        "verify", "--loss", f"{file}:forward", *words, "--json", "--only", "arguments_have_effect", cwd=tmp_path
    )
    assert ran.returncode == 1, ran.stderr
    (broken,) = json.loads(ran.stdout)["invariants"]
    assert broken["replay"].endswith("--given how=all --only arguments_have_effect")
    both = warm.sad("verify", "--loss", f"{file}:forward", *words, "--adapter", str(file), cwd=tmp_path)
    assert (both.returncode, both.stdout) == (2, "")
    assert both.stderr.startswith("sad: --given and --adapter at once")


def lone(first, packed):
    """The forward KL, of a batch whose name tells nothing."""
    q, p = first["student", 0].log_softmax(-1), packed["teacher", 0].log_softmax(-1)
    return torch.nn.functional.kl_div(q, p, reduction="batchmean", log_target=True)


def test_a_guess_names_the_parameters_that_can_be_told():
    with pytest.raises(UserError, match=r"a guess in part; say it with check\(…, given=\{'first': …, 'packed': …\}"):
        check(lone)
    # what was told is no guess, and is not asked for again
    with pytest.raises(UserError, match=r"a guess in part; say it with check\(…, given=\{'packed': …\}"):
        check(lone, given={"first": "batch"})
