"""What `--help` shows below the options of a command: calls that a newcomer would try first."""

from __future__ import annotations

HEADLINE = "Examples:"


def shown(*calls: str) -> str:
    """Return the text for Typer's ``epilog``, one call a line: it joins lines, and keeps paragraphs apart."""
    return "\n\n".join((HEADLINE, *calls))


def calls(epilog: str | None) -> tuple[str, ...]:
    """Return the calls of a text of `shown`; none of any other."""
    headline, *lines = (epilog or "").split("\n\n")
    return tuple(lines) if headline == HEADLINE else ()


VERIFY = shown(
    "sad verify",
    "sad verify V104 --json",
    "sad verify --loss my_losses.py:kd_loss",
    "sad verify --collator my_data.py:Collator",
    "sad verify --source src",
    "sad verify --config run.toml --write-fix mended.toml",
)
TRAIN = shown(
    "sad train --epochs 3",
    "sad train --teacher TEACHER --student STUDENT --data texts.jsonl",
    "sad train --config run.toml --set train.learning_rate=1e-4 --dry-run",
    "sad train --resume runs/latest",
)
DOCTOR = shown(
    "sad doctor runs/latest",
    "sad doctor train.log --report",
    "sad doctor runs/latest --baseline runs/good --html report.html",
    "sad doctor runs/latest --follow --notify 'notify-send sad'",
)
EXPLAIN = shown("sad explain V104", "sad explain R203 runs/latest", "sad explain terms.kd")
CACHE = shown("sad cache --config run.toml --cache teacher", "sad train --config run.toml --cache teacher")
