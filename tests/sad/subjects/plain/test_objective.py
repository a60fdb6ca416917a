"""The plain computation, against what libraries compute of the same."""

import math

import pytest
import torch
import torch.nn.functional as F

from sad.invariants import _pairs
from sad.subjects.objective import BITS, KL, LM_LOSS, MAPPED, RAW, TEACHER
from sad.subjects.plain.objective import PlainObjective
from sad.subjects.plain.spelling import spelled

PLAIN = PlainObjective()


@pytest.fixture(scope="module")
def tasks():
    return dict(_pairs.tasks())


def test_a_model_sees_its_marks(tasks):
    tokenizer = tasks["two tokenizers of one size"].teacher_tokenizer
    ids, ends = PLAIN.read(tokenizer, "At noon.")
    assert (ids[0], ids[-1]) == (tokenizer.bos_token_id, tokenizer.eos_token_id) == (2, 0)
    assert ends[0] == 0
    assert ends[len("At noon.")] == len(ids) - 2
    ids, ends = PLAIN.read(tasks["two tokenizers"].teacher_tokenizer, "At noon.")
    assert ends[len("At noon.")] == len(ids) - 2
    ids, ends = PLAIN.read(tasks["two tokenizers"].student_tokenizer, "At noon.")
    assert ids[0] != 0
    assert 0 not in ends


def test_the_likelihood_is_that_of_the_model_itself(tasks):
    task = tasks["two tokenizers"]
    account = PLAIN(task)
    nats, labels, size = 0.0, 0, 0
    for text in task.held_out:
        ids = torch.tensor([[*task.student_tokenizer(text)["input_ids"], 0]])
        # without begin marks the first label is the token after the first
        nats += float(task.student(input_ids=ids, labels=ids).loss) * (ids.shape[1] - 1)
        labels += ids.shape[1] - 1
        size += len(text.encode()) - len(spelled(task.student_tokenizer, int(ids[0, 0])))
    assert account.held_out[LM_LOSS] == pytest.approx(nats / labels, rel=1e-5)
    assert account.held_out[BITS] == pytest.approx(nats / size / math.log(2), rel=1e-5)


def test_the_divergence_is_that_of_torch(tasks):
    task = tasks["one tokenizer"]
    total, places = 0.0, 0
    for text in task.held_out:
        ids = torch.tensor([[*task.student_tokenizer(text)["input_ids"], 0]])
        size = len(task.student_tokenizer)
        log_q, log_p = (
            (model(input_ids=ids).logits[0, :-1, :size]).log_softmax(-1) for model in (task.student, task.teacher)
        )
        total += float(F.kl_div(log_q, log_p, reduction="sum", log_target=True))
        places += len(log_q)
    held_out = PLAIN(task).held_out
    assert held_out[KL] == pytest.approx(total / places, rel=1e-4)
    assert held_out[MAPPED] == pytest.approx(1.0)


def test_equal_models_agree(tasks):
    task = tasks["one tokenizer"]
    changes = {"teacher": task.student, "blocks": ((2, 2),), "attention_blocks": ((2, 2),)}
    same = type(task)(**{f: getattr(task, f) for f in task.__slots__} | changes)
    account = PLAIN(same)
    assert account.held_out[KL] == pytest.approx(0.0, abs=1e-12)
    assert account.held_out["agreement"] == 1.0
    assert account.held_out[TEACHER + LM_LOSS] == account.held_out[LM_LOSS]
    for name in ("kd", "alm", "attention"):
        assert account.step[RAW + name] == pytest.approx(0.0, abs=1e-9)


def test_each_token_goes_to_the_first_token_of_its_bytes(tasks):
    task = tasks["two tokenizers"]
    carried = PLAIN.carried(task)
    mine, theirs = task.student_tokenizer, task.teacher_tokenizer
    assert carried[theirs.eos_token_id] == mine.eos_token_id
    assert carried[theirs.unk_token_id] is None
    assert all(
        spelled(theirs, token).startswith(spelled(mine, own))
        for token, own in enumerate(carried)
        if own is not None and token not in theirs.all_special_ids
    )
    assert PLAIN.carried(tasks["one tokenizer"]) == list(range(320))
    assert PLAIN.carried(tasks["two tokenizers of one size"]) != list(range(300))


def test_the_gradient_of_the_divergence_is_multiplied_by_temperature_squared(tasks):
    """Of one task whose only weight is the divergence's, by a difference of its value."""
    task = tasks["two tokenizers of one size"]
    only = dict.fromkeys(task.weights, 0.0) | {"kd": 1.0}
    given = {f: getattr(task, f) for f in task.__slots__} | {"weights": only}
    account, name = PLAIN(type(task)(**given)), "model.norm.weight"
    norm = task.student.get_parameter(name)
    slope, small = account.gradient[name], 1e-3
    direction = slope / slope.norm()
    values = []
    for sign in (1, -1):
        moved = {f: getattr(task, f) for f in task.__slots__} | {"weights": only}
        keep = norm.detach().clone()
        with torch.no_grad():
            norm.add_(sign * small * direction.to(norm))
        values.append(PLAIN(type(task)(**moved)).step[RAW + "kd"])
        with torch.no_grad():
            norm.copy_(keep)
    measured = (values[0] - values[1]) / (2 * small)
    assert task.temperature**2 * measured == pytest.approx(float(slope.norm()), rel=1e-3)
