"""What a mistake of the user is answered with."""

from __future__ import annotations


def refused(answer: tuple[int, str, str]) -> str:
    """Return the message of exit code, output and error stream: exit 2, one line on stderr, no traceback."""
    code, out, err = answer
    assert code == 2, err
    assert err.startswith("sad: ")
    assert err.count("\n") == 1
    assert "Traceback" not in out + err
    return err.removeprefix("sad: ").rstrip()
