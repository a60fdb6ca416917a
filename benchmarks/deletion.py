"""Takes the body of each function away in turn, and lists the functions that no test misses.

    python benchmarks/deletion.py sad_doctor/signals tests/sad_doctor/signals tests/sad_doctor/rules
    python benchmarks/deletion.py sad_doctor tests/sad_doctor --kept FILE     # goes on where it stopped

The first path is the code, the others are tests. They are collected once; then each test runs once, in a fork of that
process, and tells which functions it enters. A function that is taken away returns None (a generator yields nothing) in
another fork, which runs the tests that enter the function until one fails, those of its own test file first. With
``--each`` no more than so many seconds of them: what they do not miss is asked again by a run without it.

With ``--warm`` the tests run once in this process itself: what they import and make once is there in every fork, many
times quicker. What only that needs is then missed by none: ask again without it for those that no test misses. Tests
that fail when they run again in a fork, with nothing taken away, judge nothing.

Processes that a test starts are asked too: forks, and each Python that is started with this one's environment.

What is not judged is listed as such: what no test of these enters, and what runs while modules are imported. Functions
within functions go with these; bodies that do nothing anyway are left out.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import json
import resource
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from pathlib import Path

import pytest
from forked import apart
from marked import Def, Marks

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
LIMIT, PATIENCE = 120, 300.0
"""Seconds, of the processor and by the clock, after which the tests of one function are stopped. The first is noticed:
without the function they go on for ever. The second may be a busy machine, and judges nothing."""
Outcome = str
Ran = tuple[pytest.Item, bool]
MISSED, SURVIVED, UNREACHED, UNSURE, SLOW = "missed", "survived", "not entered", "not asked to the end", "not ended"


@dataclass(frozen=True)
class Function:
    """A function of a file, by its qualified name."""

    file: str
    name: str
    line: int

    @property
    def key(self) -> str:
        return f"{self.file}:{self.name}"

    @property
    def own_test(self) -> str:
        """The test file beside it, by its name alone: a package's own file is tested under the package's name."""
        path = Path(self.file)
        return f"test_{path.parent.name if path.name == '__init__.py' else path.stem}.py"


def functions(code: Path) -> Iterator[Function]:
    """Yield the functions and methods whose bodies do something, of a file, a folder, or ``folder/*.py``."""
    for path in sorted(code.rglob("*.py") if code.is_dir() else code.parent.glob(code.name)):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        yield from _within(tree, path.resolve().relative_to(ROOT).as_posix(), "")


def _within(node: ast.Module | ast.ClassDef, file: str, prefix: str) -> Iterator[Function]:
    for child in node.body:
        if isinstance(child, ast.ClassDef) and "Protocol" not in {ast.unparse(base) for base in child.bases}:
            yield from _within(child, file, f"{prefix}{child.name}.")
        elif isinstance(child, Def) and not _does_nothing(child):
            yield Function(file, f"{prefix}{child.name}", child.lineno)


def _does_nothing(node: Def) -> bool:
    if any("overload" in ast.unparse(mark) or "abstract" in ast.unparse(mark) for mark in node.decorator_list):
        return True
    body = [one for one in node.body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))]
    return all(isinstance(one, ast.Pass) or ast.unparse(one) in ("return None", "return") for one in body)


@dataclass(eq=False)
class Audit:
    """What happens in place of the tests' own loop."""

    code: Path
    kept: Path | None
    seconds: float
    warm: bool = False
    each: float = 1e9
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    _failed: bool = False

    def __post_init__(self) -> None:
        self.marks = Marks(ROOT, (self.code if self.code.exists() else self.code.parent).resolve())

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test that fails."""
        self._failed |= report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Learn which tests enter which function, then take each away."""
        wanted = list(functions(self.code))
        items, began = session.items, time.monotonic()
        entered: dict[str, list[tuple[str, float]]] = {}
        if self.kept and self.kept.is_file():
            entered, self.outcomes = json.loads(self.kept.read_text())
        if self.warm:
            found = json.loads(self._entered(items))
            if not entered:
                again = apart(lambda: json.dumps([one.nodeid for one, passes in self._run(items) if passes]), None)
                alike = set(json.loads(again or "[]"))
                entered = {key: [one for one in tests if one[0] in alike] for key, tests in found.items()}
        elif not entered:
            entered = json.loads(apart(lambda: self._entered(items), None) or "{}")
        entered = {one.key: entered.get(one.key, []) for one in wanted}
        self._keep(entered)
        by_id = {item.nodeid: item for item in items}
        for one in wanted:
            if self.outcomes.get(one.key, UNSURE) != UNSURE:
                continue
            if time.monotonic() - began > self.seconds:
                break
            tests = sorted(entered[one.key], key=partial(_in_turn, one))
            self.outcomes[one.key] = self._judge(one, [(by_id[name], took) for name, took in tests if name in by_id])
            self._keep(entered)
        return True

    def _keep(self, entered: dict[str, list[tuple[str, float]]]) -> None:
        if self.kept:
            self.kept.write_text(json.dumps([entered, self.outcomes]))

    def _entered(self, items: Sequence[pytest.Item]) -> str:
        """Run every test; return, by function, the tests that pass and enter it, with their seconds."""
        by_function: dict[str, list[tuple[str, float]]] = defaultdict(list)
        passed: list[tuple[str, float]] = []
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            self.marks.share(Path(folder) / "entered")
            self.marks.heard()
            for item, passes in self._run(items):
                took = time.monotonic() - began
                heard = self.marks.heard()
                passed += [(item.nodeid, took)] if passes else []
                for key in heard if passes else ():
                    by_function[key].append((item.nodeid, took))
                began = time.monotonic()
        self.marks.share(None)
        for key, tests in by_function.items():
            # what a fixture makes once is entered in the first test that asks for it, and may be judged in the next
            file, own = key.partition(":")[0], {name for name, _ in tests}
            tests += [one for one in passed if one[0] not in own and Function(file, "", 0).own_test in one[0]]
        return json.dumps(by_function)

    def _run(self, tests: Sequence[pytest.Item]) -> Iterator[Ran]:
        """Run the tests in turn; yield each with whether it passes."""
        for item, following in zip(tests, [*tests[1:], None], strict=True):
            self._failed = False
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            yield item, not self._failed

    def _judge(self, of: Function, tests: Sequence[tuple[pytest.Item, float]]) -> Outcome:
        if not tests:
            return UNREACHED
        spent = list(accumulate(took for _, took in tests))
        asked = [item for (item, took), all_so_far in zip(tests, spent, strict=True) if all_so_far - took < self.each]

        def run() -> str:
            resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + LIMIT, resource.RLIM_INFINITY))
            self.marks.share(None, of.key)
            if not all(passes for _, passes in self._run(asked)):
                return MISSED
            return SURVIVED if len(asked) == len(tests) else UNSURE

        try:
            # a process that dies, or does not end, misses the function too
            return apart(run, PATIENCE) or MISSED
        except TimeoutError:
            return SLOW


def _in_turn(function: Function, test: tuple[str, float]) -> tuple[bool, float]:
    """Sort tests: those that are named for the function first, then the quick ones."""
    name, seconds = test
    return function.own_test not in name, seconds


def show(outcomes: dict[str, Outcome], wanted: Sequence[Function]) -> str:
    """Return the counts and the functions that need a look."""
    every = (MISSED, SURVIVED, UNREACHED, UNSURE, SLOW)
    by = {what: [f for f in wanted if outcomes.get(f.key) == what] for what in every}
    judged = len(by[MISSED]) + len(by[SURVIVED])
    lines = [f"{judged} of {len(wanted)} functions judged: {len(by[MISSED])} missed, {len(by[SURVIVED])} not"]
    for what, told in zip(every[1:], ("no test misses", "no test enters here", *every[3:]), strict=True):
        lines += [f"{told}: {len(by[what])}", *(f"  {f.file}:{f.line} {f.name}" for f in by[what])]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("code", type=Path, help="file, folder or 'FOLDER/*.py' whose functions are taken away")
    parser.add_argument("tests", nargs="+", help="what pytest collects; further options are pytest's")
    parser.add_argument("--kept", type=Path, help="JSON of what was found; a run that was stopped goes on from there")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no other function after so many seconds")
    parser.add_argument("--each", type=float, default=1e9, help="ask no more than so many seconds of tests a function")
    parser.add_argument("--warm", action="store_true", help="run each test once in this process first")
    asked, more = parser.parse_known_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    audit = Audit(asked.code, asked.kept, asked.seconds, asked.warm, asked.each)
    options = ["-p", "no:cacheprovider", "-p", "no:xdist"]
    with contextlib.redirect_stdout(io.StringIO()) as told:
        pytest.main([*options, *more, *asked.tests], plugins=[audit])
    if not audit.outcomes:
        raise SystemExit(told.getvalue())
    print(show(audit.outcomes, list(functions(asked.code))))


if __name__ == "__main__":
    main()
