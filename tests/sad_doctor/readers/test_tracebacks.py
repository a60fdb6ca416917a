import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.readers.tracebacks import Tracebacks

FRAMES = ["Traceback (most recent call last):", '  File "a.py", line 1, in f', "    x + y", "    ~~^~~"]


def errors(lines: list[str]) -> list[str]:
    tracebacks = Tracebacks()
    return [error for line in lines if (error := tracebacks.feed(line)) is not None]


@pytest.mark.parametrize(
    "last",
    [
        "RuntimeError: The size of tensor a (168) must match the size of tensor b (160) at non-singleton dimension 1",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB.",
        "KeyboardInterrupt",
        "ValueError: ",
        "AssertionError",
        "my_package.errors.Bad_Thing: no",
        "subprocess.CalledProcessError: Command '[x]' returned 1",
        "socket.timeout: timed out",
        "ray.exceptions.RayTaskError(OutOfMemoryError): boom",
        "__main__.main.<locals>.Bad: x",
    ],
)
def test_the_last_line_is_the_error(last):
    assert errors([*FRAMES, last, "RuntimeError: printed later"]) == [last.strip()]


def test_lines_between_do_not_end_it():
    assert errors([*FRAMES, "", "Saving the model", "wandb: synced 3 files", "ValueError: no"]) == ["ValueError: no"]


def test_a_chain_gives_each_error():
    between = "During handling of the above exception, another exception occurred:"
    assert errors([*FRAMES, "KeyError: 'a'", "", between, "", *FRAMES, "ValueError: b"]) == [
        "KeyError: 'a'",
        "ValueError: b",
    ]


def test_the_prefix_of_a_rank_is_left_out():
    lines = [f"[rank1]: {line}" for line in [*FRAMES, "ValueError: no"]]
    assert errors(lines) == ["ValueError: no"]


def test_a_framed_traceback_counts_too():
    lines = ["╭──── Traceback (most recent call last) ────╮", "│ a.py:3 in f │", "╰────────╯", "TypeError: no"]
    assert errors(lines) == ["TypeError: no"]


def test_a_time_before_each_line_is_left_out():
    lines = [f"2024-01-01 12:00:{i:02} x > {line}" for i, line in enumerate([*FRAMES, "ValueError: no"])]
    assert errors(lines) == ["ValueError: no"]


def test_a_group_of_errors_has_frames_of_its_own():
    lines = ["  + Exception Group Traceback (most recent call last):", '  |   File "x"', "  | ExceptionGroup: many"]
    assert errors([*lines, "  +-+---------------- 1 ------"]) == ["ExceptionGroup: many"]


def test_each_error_of_a_group_is_told():
    lines = ["  + Exception Group Traceback (most recent call last):", '  |   File "x"', "  | ExceptionGroup: many (2)"]
    for number, error in enumerate(("MemoryError: CUDA out of memory", "ValueError: no"), 1):
        lines.append(f"  +-+---------------- {number} ----------------")
        lines += [f"    | {line}" for line in [*FRAMES, error]]
    assert errors(lines) == ["ExceptionGroup: many (2)", "MemoryError: CUDA out of memory", "ValueError: no"]


@pytest.mark.parametrize(
    ("lines", "rest", "said"),
    [
        ([], "", "a traceback without its last line"),
        (["Perplexity: 12.5", "Saving the model"], "", "a traceback without its last line"),
        (["bad: x", "Saving the model"], "", "bad: x"),
        ([], "bad: x", "bad: x"),
        (["ValueError: no"], "", None),
    ],
)
def test_one_that_is_still_open_at_the_end_has_a_name(lines, rest, said):
    tracebacks = Tracebacks()
    for line in [*FRAMES, *lines]:
        tracebacks.feed(line)
    assert tracebacks.unended(rest) == said
    assert tracebacks.close() is (said is not None)
    assert tracebacks.unended() is None


def test_a_line_that_is_no_frame_is_not_swallowed():
    tracebacks = Tracebacks()
    for line in [*FRAMES, "[Eval] loss: 2.0"]:
        tracebacks.feed(line)
    assert not tracebacks.active


def test_an_error_outside_of_a_traceback_is_text():
    assert errors(["ValueError: quoted in a message"]) == []


def test_one_without_an_end_does_not_swallow_the_log():
    tracebacks = Tracebacks()
    for line in [FRAMES[0], *["  noise"] * 3000]:
        tracebacks.feed(line)
    assert not tracebacks.active


@given(st.lists(st.one_of(st.sampled_from([*FRAMES, "ValueError: a"]), st.text(max_size=30)), max_size=20))
def test_no_lines_break_it(lines):
    assert all(error.strip() == error and error for error in errors(lines))
