"""The pytest plugin: `pytest --sad-loss package.module:function` adds one test for each property.

Likewise `--sad-collator`, `--sad-evaluator`, `--sad-step`, `--sad-alignment`. It imports nothing heavy: code is judged
in a process of its own, once, when the first test of it runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

KINDS = ("loss", "collator", "evaluator", "step", "alignment")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("sad", "distillation code")
    for kind in KINDS:
        group.addoption(
            f"--sad-{kind}",
            action="append",
            default=[],
            metavar="TARGET",
            help=f"Judge this {kind} (package.module:name, :Class.method, or file.py:name): one test a property.",
        )
    group.addoption(
        "--sad-adapter", default=None, metavar="FILE", help="How it is called; see docs/judge-your-loss.md."
    )
    group.addoption(
        "--sad-given",
        action="append",
        default=[],
        metavar="NAME=WHAT",
        help="What a parameter or setting is whose name does not tell.",
    )
    group.addoption("--sad-timeout", type=float, default=None, metavar="SECONDS", help="For each property.")


def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the tests of all code that is named."""
    for kind in KINDS:
        for target in config.getoption(f"--sad-{kind}"):
            collector = CodeCollector.from_parent(session, name=target)
            collector.kind = kind
            items.extend(collector.collect())


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A session that has only others' code to judge, and no test of its own, is none that found no tests."""
    if (
        any(session.config.getoption(f"--sad-{kind}") for kind in KINDS)
        and session.testscollected
        and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED
    ):
        session.exitstatus = pytest.ExitCode.OK


class BrokenError(Exception):
    """A property is broken; the text is its line of the report."""


class CodeCollector(pytest.Collector):
    """Code of one interface; judged once."""

    kind = "loss"
    _lines: dict[str, Any] | None = None
    _unjudged: str = ""
    _told: bool = False

    def collect(self) -> Iterator[pytest.Item]:
        """One item a property."""
        from sad.judge.battery import names
        from sad.judge.interface import Interface

        for name in names(Interface(self.kind)):
            yield CodeItem.from_parent(self, name=name)

    def judged(self) -> tuple[dict[str, Any], str]:
        """Return the lines by name, and why it could not be judged."""
        if self._lines is None:
            from sad.judge.process import TIMEOUT, judge

            adapter = self.config.getoption("--sad-adapter")
            request = {"interface": self.kind, self.kind: self.name, "name": self.name, "adapter": adapter}
            request["given"] = list(self.config.getoption("--sad-given"))
            report = judge(request, timeout=self.config.getoption("--sad-timeout") or TIMEOUT)
            self._lines, self._unjudged = {line.name: line for line in report.lines}, report.unjudged
        return self._lines, self._unjudged

    def why_not(self) -> str:
        """Return why it could not be judged: the first time it is asked for, '' from then on."""
        told, self._told = self._told, True
        return "" if told else self._unjudged


class CodeItem(pytest.Item):
    """One property of some code."""

    def runtest(self) -> None:
        """Pass where it holds or is allowed, skip where it does not apply, fail where it is broken."""
        assert isinstance(self.parent, CodeCollector)
        lines, unjudged = self.parent.judged()
        if unjudged:
            # one item fails for all: the others would say the same again
            if why := self.parent.why_not():
                raise BrokenError(f"not judged: {why}")
            pytest.skip("not judged: an item before it says why")
        line = lines.get(self.name)
        if line is None:
            pytest.skip("not judged: it could not be called")
        if line.standing.value == "not applicable":
            pytest.skip(line.says)
        if line.standing.value == "broken":
            parts = (line.says, f"shown by: {line.example}" if line.example else "", f"again: {line.replay}")
            raise BrokenError("\n".join(part for part in parts if part))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *args: Any, **named: Any) -> Any:  # noqa: ANN401
        """The line of the report, without a traceback of ours."""
        if isinstance(excinfo.value, BrokenError):
            return f"{self.parent.name if self.parent else ''}: {self.name}\n{excinfo.value}"
        return super().repr_failure(excinfo, *args, **named)

    def reportinfo(self) -> tuple[str, int | None, str]:
        """Where it is from: the code, and the property."""
        code = self.parent.name if self.parent else ""
        return code, None, f"{code}: {self.name}"
