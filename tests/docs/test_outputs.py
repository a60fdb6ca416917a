"""What the pages show as printed is what the programs print today, where the command is quick.

Run here: what `sad doctor` and `sad explain` say of the logs in `fixtures/`, and `sad explain` of a code or a key. Not
run, since each takes a minute or more: the trainings, `sad verify` and the preflight. Of their outputs only what can be
told without them is compared.
"""

from __future__ import annotations

import re
import shlex
from itertools import pairwise

import markdown
import pytest
from typer.testing import CliRunner

from sad.cli.app import app
from sad_doctor.rules import RULES

QUICK = [
    (page, line.partition("  #")[0].strip())
    for page in markdown.PAGES
    for block in markdown.of(page)
    if block.language == "sh"
    for line in block.text.splitlines()
    if re.match(r"sad doctor fixtures/\S+ --report|sad explain [\w.]+( fixtures/\S+)?\s*(#|$)", line)
]
COMMANDS = sorted({line for _, line in QUICK})


@pytest.fixture(scope="module")
def printed() -> dict[str, tuple[int, str]]:
    """The exit code and the output of every quick command of the pages, each run once."""
    runner = CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1"})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(markdown.ROOT)
        found = {line: runner.invoke(app, shlex.split(line)[1:]) for line in COMMANDS}
    return {line: (result.exit_code, result.stdout) for line, result in found.items()}


def test_a_quick_command_of_a_page_does_what_it_is_there_for(printed: dict[str, tuple[int, str]]) -> None:
    assert len(printed) >= 6
    # a report ends with 1 where the run is sick, and each log that is shown is
    wrong = {line: code for line, (code, text) in printed.items() if code != ("doctor" in line) or not text.strip()}
    assert wrong == {}


def test_the_output_below_a_quick_command_is_what_it_prints(printed: dict[str, tuple[int, str]]) -> None:
    seen = 0
    for page in markdown.PAGES:
        blocks = list(markdown.of(page))
        for block, below in pairwise(blocks):
            line = block.text.strip()
            if line in printed and below.language == "text":
                seen += 1
                assert below.text in printed[line][1], below
    assert seen


def test_the_report_of_the_tutorial_names_every_rule_of_today() -> None:
    block = next(b for b in markdown.blocks("text") if b.page == "docs/tutorial.md" and "rules passed" in b.text)
    first, _, rest = block.text.partition("\n")
    passed, not_checked = rest.split("Not checked:")
    found = [re.findall(r"R\d{3}", passed), re.findall(r"^  (R\d{3}) ", not_checked, re.MULTILINE)]
    assert first == f"Nothing wrong found: {len(found[0])} rules passed; {len(found[1])} could not judge."
    assert sorted([*found[0], *found[1]]) == [rule.code for rule in RULES], "run the tutorial again"
    names = dict(re.findall(r"^  (R\d{3}) ([\w-]+):", not_checked, re.MULTILINE))
    assert names == {rule.code: rule.name for rule in RULES if rule.code in names}
