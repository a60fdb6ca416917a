"""Draws the plots of the explanations into docs/images, from the code and the logs that they explain.

python docs/plots.py           # write them
python docs/plots.py --check   # exit code 1 where one is not what this draws
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path

import torch
from torch.nn import functional as F

from sad import embedded
from sad.align.reader import Reader
from sad.align.spans import common
from sad.losses.layerwise import layer_distance
from sad.models import pretrained
from sad_doctor import names, read
from sad_doctor.run import Floats

ROOT = Path(__file__).resolve().parents[1]
WIDTH, HEIGHT = 760, 260
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 40, 44
BLUE, ORANGE, GREY = "#2b6cb0", "#c05621", "#808080"
LENGTHS = (34, 48, 64, 96, 128, 192, 256, 384)
"""Lengths of the texts of the failed run, from its shortest to its longest."""

SENTENCE = "Blessed are the peacemakers: for they shall be called the children of God."

Points = Sequence[tuple[float, float]]


def lengths() -> tuple[Points, Points]:
    """Return the raw and the normalised distance of states of each length, one position being enormous."""
    raw, normalised = [], []
    for length in LENGTHS:
        draw = torch.Generator().manual_seed(0)
        student, teacher = (torch.randn(length, 1024, generator=draw) for _ in range(2))
        # a massive activation at the first position (Sun et al. 2024)
        teacher[0, 7] = 1e4
        raw.append((length, F.mse_loss(student, teacher).item()))
        found = layer_distance(student, teacher)
        normalised.append((length, found.total.item() / found.units))
    return raw, normalised


def failed() -> tuple[Points, Points]:
    """Return the training loss and the evaluation loss of the first failed run, by step."""
    run = read(ROOT / "fixtures" / "runs" / "run1.log")
    loss, evaluated = (run.columns[name] for name in (names.LOSS, names.EVAL_LOSS))
    return (_points(loss.step, loss.value), _points(evaluated.step, evaluated.value))


def chart(title: str, across: str, series: dict[str, tuple[str, Points]]) -> str:
    """Return a chart with a logarithmic axis upwards: each series with its colour, points and line."""
    every = [point for _, points in series.values() for point in points]
    low, high = (math.floor(math.log10(min(y for _, y in every))), math.ceil(math.log10(max(y for _, y in every))))
    left, right = min(x for x, _ in every), max(x for x, _ in every)

    def x(value: float) -> float:
        return LEFT + (value - left) / (right - left) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (math.log10(value) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [_text(LEFT, 16, title, weight="bold")]
    for power in range(low, high + 1):
        parts += [
            _line(LEFT, y(10.0**power), WIDTH - RIGHT, y(10.0**power)),
            _text(8, y(10.0**power) + 4, f"{10.0**power:g}"),
        ]
    for value in (left, right):
        parts.append(_text(x(value) - (40 if value == right else 0), HEIGHT - BOTTOM + 16, f"{value:,.0f}"))
    parts.append(_text(WIDTH / 2 - 40, HEIGHT - BOTTOM + 16, across))
    for number, (name, (colour, points)) in enumerate(series.items()):
        path = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(_text(LEFT + 330 * number, HEIGHT - 8, f"— {name}", colour))
    return _page(parts, HEIGHT)


def alignment(text: str = SENTENCE) -> str:
    """Return the picture of one text read by the embedded pair, with the places where both have a token end."""
    readers = [
        Reader(pretrained.load_tokenizer(str(place))) for place in (embedded.TEACHER, embedded.STUDENT_TOKENIZER)
    ]
    readings = [reader.read([text])[0] for reader in readers]
    at = common(readings[1], readings[0]).end
    size = (WIDTH - LEFT - RIGHT) / len(text)
    parts = []
    for row, (name, reading) in enumerate(zip(("teacher", "student"), readings, strict=True)):
        top, start = 20 + 70 * row, 0
        parts.append(_text(4, top + 20, name))
        for end in map(int, reading.ends):
            parts.append(
                f'<rect x="{LEFT + start * size:.1f}" y="{top}" width="{(end - start) * size:.1f}" height="30" '
                f'fill="none" stroke="{GREY}"/>'
            )
            # the width is that of the cell, whatever the font
            word = escape(text[start:end].replace(" ", "·"))
            parts.append(
                f'<text x="{LEFT + start * size + 1:.1f}" y="{top + 20}" font-size="12" fill="{BLUE}" '
                f'textLength="{(end - start) * size - 2:.1f}" lengthAdjust="spacingAndGlyphs">{word}</text>'
            )
            start = end
    parts += [_line(LEFT + int(end) * size, 50, LEFT + int(end) * size, 90, ORANGE) for end in at]
    tokens = [len(reading.ids) for reading in readings]
    told = f"{len(at)} common boundaries: {tokens[0]} tokens of the teacher, {tokens[1]} of the student"
    parts.append(_text(LEFT, 145, told))
    return _page(parts, 156)


def pictures() -> dict[str, str]:
    """Return every picture by its file's name."""
    raw, normalised = lengths()
    loss, evaluated = failed()
    return {
        "alignment.svg": alignment(),
        "layerwise-by-length.svg": chart(
            "One enormous activation, and the distance of two random states",
            "tokens in the text",
            {"F.mse_loss of the raw states": (ORANGE, raw), "normalised, as shipped": (BLUE, normalised)},
        ),
        "no-step.svg": chart(
            "The first failed run: the weights of the terms rise, the model does not change",
            "batches",
            {"training loss": (BLUE, loss), "evaluation loss: 101.3997, 25 times": (ORANGE, evaluated)},
        ),
    }


def main(words: Sequence[str]) -> int:
    """Write the pictures, or say which is not as drawn."""
    code = 0
    for name, text in pictures().items():
        path = ROOT / "docs" / "images" / name
        if list(words) != ["--check"]:
            path.write_text(text, encoding="utf-8", newline="\n")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            sys.stdout.write(f"docs/images/{name} is stale; draw it with: python docs/plots.py\n")
            code = 1
    return code


def _points(steps: Floats, values: Floats) -> Points:
    return [(float(step), float(value)) for step, value in zip(steps, values, strict=True)]


def _line(x1: float, y1: float, x2: float, y2: float, colour: str = GREY) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-opacity="0.6"/>'


def _text(x: float, y: float, text: str, colour: str = GREY, weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="13" font-weight="{weight}" fill="{colour}">{escape(text)}</text>'


def _page(parts: Sequence[str], height: int) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">'
    return "\n".join([head, *parts, "</svg>", ""])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
