import pytest

from sad_doctor import names
from sad_doctor.readers import read
from sad_doctor.readers.ranks import Ranks, key_of, rank_of


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("[rank1]: loss 3", (1, "loss 3")),
        ("[Rank 12] loss 3", (12, "loss 3")),
        ("[rank: 0] Seed set to 1", (0, "Seed set to 1")),
        ("[default3]:{'loss': 1}", (3, "{'loss': 1}")),
        ("[1,2]<stdout>: loss 3", (2, "loss 3")),
        ("rank: nothing", None),
        ("step 1: loss 3", None),
        ("[1,2] loss", None),
    ],
)
def test_the_rank_before_a_line(line, found):
    assert rank_of(line) == found


def test_only_a_step_that_comes_back_proves_a_writer():
    adapter, writer = Ranks(), Ranks()

    assert all(adapter.takes(12 - step // 50, step) for step in range(200))
    assert (adapter.notes, adapter.left_out) == ((), 0)
    assert [writer.takes(rank, step) for step in range(3) for rank in (1, 0, 2)][1:] == [
        True,
        *[False] * 2,
        True,
        *[False] * 2,
        True,
        False,
    ]
    assert writer.notes == ("3 ranks write into one log: the rows of rank 0 count, 5 of the others were left out",)


def test_the_keys_of_a_rank():
    assert key_of(("step", "local_rank", "rank")) == "rank"
    assert key_of({"step": 1}) is None


def test_the_lines_of_one_rank_count_and_the_errors_of_all(write):
    told = "".join(f"[rank{rank}]: step {step}: loss {rank + step}.0\n" for step in range(1, 30) for rank in (0, 1, 2))
    told += '[rank2]: Traceback (most recent call last):\n[rank2]:   File "a.py", line 1, in f\n'
    told += "[rank0]: step 30: loss 30.0\n"
    run = read(write("train.log", told + "[rank2]: RuntimeError: no\n"))

    loss = run.columns[names.LOSS]
    assert loss.value.tolist() == loss.step.tolist()
    assert [event.message for event in run.events if event.kind == names.EVENT_CRASH] == ["RuntimeError: no (rank 2)"]
    assert any(note.startswith("3 ranks write into one log: the lines of rank 0 count") for note in run.notes)
