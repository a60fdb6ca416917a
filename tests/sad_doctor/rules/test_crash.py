import pytest

from sad_doctor.rule import TooFew
from sad_doctor.rules.crash import RULE

SIZES = "RuntimeError: The size of tensor a (%s) must match the size of tensor b (%s) at non-singleton dimension %s"


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (SIZES % (168, 160, 1), "two sequence lengths, 168 and 160 tokens, in dimension 1"),
        (SIZES % (2, 1, 0), "2 against 1 in the batch dimension"),
        (SIZES % (151936, 49152, 2), "151936 against 49152 in dimension 2"),
        (
            "RuntimeError: expected m1 and m2 to have the same dtype, but got: struct c10::Half != float",
            "half and single",
        ),
        ("RuntimeError: expected scalar type Half but found Float", "half and single"),
        ("RuntimeError: mat1 and mat2 must have the same dtype, but got Half and Float", "half and single"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", "out of memory"),
        ("IndexError: index out of range in self", "an index lies outside its table"),
        (
            "RuntimeError: mat1 and mat2 shapes cannot be multiplied (336x576 and 1024x1024)",
            "a state of width 576 meets a matrix for width 1024",
        ),
        ("*** JOB 7 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***", "the scheduler's time limit"),
        ("Killed", "the system killed the process"),
        ("a traceback without its last line", "a traceback without its last line"),
        ("ValueError: the dog ate it", "ValueError: the dog ate it"),
    ],
)
def test_known_texts_are_explained_with_their_numbers(judge, message, says):
    (finding,) = judge(RULE, f"event crash @ 499: {message}\nsteps: 500\ntrain/loss: 29")

    assert finding.headline.startswith(f"The run crashed at step 499: {says}")
    assert finding.evidence == (message,)


def test_cutting_is_not_the_remedy_of_two_lengths(judge):
    (finding,) = judge(RULE, f"event crash: {SIZES % (168, 160, 1)}")

    assert "common boundaries" in finding.remedy


def test_the_same_crash_told_twice_is_one(judge):
    assert len(judge(RULE, "event crash @ 5: boom\nevent crash @ 5: boom\nsteps: 5\ntrain/loss: 1")) == 1


def test_a_status_without_a_message_counts(judge):
    (finding,) = judge(RULE, "fact status: crashed\nsteps: 5\ntrain/loss: 1")

    assert "no message" in finding.headline


@pytest.mark.parametrize("line", ["fact status: running", "event end: done", "event interrupt: Ctrl-C"])
def test_other_ends_are_fine(judge, line):
    assert judge(RULE, f"{line}\nsteps: 5\ntrain/loss: 1") == []


def test_a_log_that_does_not_tell_its_end_is_not_judged(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 5\ntrain/loss: 1")


def test_a_log_without_one_record_is_not_judged(judge):
    with pytest.raises(TooFew, match="not one record"):
        judge(RULE, "event warning: deprecated")


def test_one_crash_in_several_lines_is_told_once(judge):
    told = "event crash @ 80: Watchdog caught collective operation timeout: WorkNCCL(SeqNum=8812)\n"
    (finding,) = judge(
        RULE, f"{told}event crash @ 80: terminate called, what(): DistBackendError\nsteps: 80\ntrain/loss: 4"
    )
    assert "waited for the others in vain" in finding.headline
