"""The blocks of the pages run: Python is executed, TOML is read by what reads it."""

from __future__ import annotations

import tomllib
from itertools import groupby
from pathlib import Path

import markdown
import pytest
from markdown import Block

from sad import distill
from sad.recipe import schema as recipe
from sad_doctor import check, read, settings
from sad_doctor.band import band_of

STANDS_FOR = {
    "docs/doctor.md": "loss, kd, lm, rate, norm = 3.0, 1.0, 2.0, 0.0, 1.0",
    "docs/rules.md": """
from sad_doctor import Recorder
record, step = Recorder("run"), 1
loss = w_kd = w_lm = kd = lm = 0.5
""",
    "docs/judge-your-loss.md": """
from sad.subjects.divergence import Contract, Kind
def my_loss(student_logits, teacher_logits):
    "Reverse KL, in nats per token."
    mine, theirs = student_logits.log_softmax(-1), teacher_logits.log_softmax(-1)
    return (mine.exp() * (mine - theirs)).sum(-1).mean()
""",
    "docs/judge-your-code.md": """
def my_collator(features):
    import torch
    pad = lambda name, fill: torch.nn.utils.rnn.pad_sequence(
        [torch.tensor(one[name]) for one in features], batch_first=True, padding_value=fill)
    return {"input_ids": pad("input_ids", 0), "labels": pad("labels", -100), "attention_mask": pad("attention_mask", 0)}
""",
}
"""What the blocks of a page take as given."""

_EMPTY = '.from_pretrained("...")'
SMALL = {
    '"Qwen/Qwen3-1.7B"': '"PAIR/teacher"',
    '"Qwen/Qwen3-0.6B"': '"PAIR/student"',
    '"my-text.jsonl"': '"PAIR/text.txt"',
    '"runs/latest/student"': '"PAIR/student"',
    '"train.max_steps": 500': '"train.max_steps": 2, "data.eval_windows": 2, "data.max_length": 32',
    **{
        f"{whose}{what}{_EMPTY}": f'{whose}{what}.from_pretrained("PAIR/{whose[:7]}")'
        for whose, what in (
            ("teacher = ", "AutoModelForCausalLM"),
            ("student = ", "AutoModelForCausalLM"),
            ("teacher_tokenizer=", "AutoTokenizer"),
            ("student_tokenizer=", "AutoTokenizer"),
        )
    },
    '["a text", "another text", ...]': '["And it came to pass in those days, that they went out.\\n" * 4] * 20',
    '{"learning_rate": 2e-4}': '{"learning_rate": 2e-4, "max_steps": 2}, "data.max_length": 32',
}
"""Large names of the pages and what stands in for them, so that a block runs here."""

SIGNATURES = ("distill(teacher, student, dataset=",)
"""Blocks that show how a thing is called, and are no program."""

READ = {"docs/sources.md"}
"""Pages whose blocks are read and not run; tests/sad/source/test_rule.py reads each."""

PYTHON = {
    page: [block for block in of if not block.text.startswith(SIGNATURES)]
    for page, of in groupby(markdown.blocks("python"), key=lambda block: block.page)
    if page not in READ
}


@pytest.mark.parametrize("page", PYTHON)
def test_the_python_of_a_page_runs_from_top_to_bottom(
    page: str, tmp_path: Path, pair_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    values: dict[str, object] = {"__name__": "page"}
    # a file, since `check` reads the source of a loss
    given = tmp_path / "given.py"
    given.write_text(STANDS_FOR.get(page, ""), encoding="utf-8")
    exec(compile(given.read_text(encoding="utf-8"), str(given), "exec"), values)
    for block in PYTHON[page]:
        text = block.text
        for large, small in SMALL.items():
            text = text.replace(large, small)
        # traceback lines are those of the page
        exec(compile("\n" * block.line + text.replace("PAIR", str(pair_folder)), page, "exec"), values)
        for name in [name for name in values if name.startswith("test_")]:
            values[name]()  # type: ignore[operator]
    if page == "docs/doctor.md":
        assert check(read("runs/mine")).stories[0].finding.rule == "R101"
        assert len([line for line in PYTHON[page][0].text.splitlines() if "ecord" in line]) == 3


@pytest.mark.parametrize("block", markdown.blocks("toml"), ids=str)
def test_toml_is_taken_by_what_reads_it(block: Block, tmp_path: Path) -> None:
    read_toml(block.text, tmp_path)


def test_the_term_of_the_page_trains_with_the_recipe_of_the_page(
    tmp_path: Path, pair_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = markdown.ROOT / "docs" / "own-loss.md"
    code, told = (next(one.text for one in markdown.of(page) if one.language == name) for name in ("python", "toml"))
    monkeypatch.chdir(tmp_path)
    Path("my_terms.py").write_text(code, encoding="utf-8")
    told += "[data]\nmax_length = 32\neval_windows = 2\n[train]\nmax_steps = 2\n"
    Path("run.toml").write_text(told, encoding="utf-8")
    found = distill(
        *(str(pair_folder / name) for name in ("teacher", "student", "text.txt")), "run.toml", progress=False
    )
    assert (read(found.folder).columns["train/raw/calm"].value > 0).all()


def read_toml(text: str, folder: Path) -> None:
    """Read a block as what it is: settings of the doctor, a band, or a recipe."""
    file = folder / "block.toml"
    file.write_text(text, encoding="utf-8")
    told = tomllib.loads(text)
    if "doctor" in told:
        assert settings.load(file).file == file
    elif any("/" in key for key in told):
        assert band_of(file).tracks
    else:
        recipe.load(file, {})


@pytest.mark.parametrize("wrong", ["[terms.kd]\nwieght = 1", "[doctor]\nselct = []", '[["train/loss"]]\nat = [0]'])
def test_toml_that_nothing_takes_is_seen(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"wieght|selct|low"):
        read_toml(wrong, tmp_path)
