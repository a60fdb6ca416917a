"""A report as JUnit XML, which CI systems read."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from sad.errors import UserError
from sad.judge.report import Report
from sad.verdict import Standing
from sad_doctor.sanitize import sanitize


def junit(report: Report) -> str:
    """Return the report as JUnit XML: one test case a property; not applicable is skipped, allowed passes."""
    suite = ElementTree.Element(
        "testsuite",
        name=f"sad verify {report.interface.flag} {sanitize(report.name)}",
        tests=str(len(report.lines) + bool(report.unjudged)),
        failures=str(len(report.broken)),
        errors=str(int(bool(report.unjudged))),
        skipped=str(sum(line.standing is Standing.NOT_APPLICABLE for line in report.lines)),
        time=f"{report.seconds:.3f}",
    )
    for line in report.lines:
        case = ElementTree.SubElement(
            suite, "testcase", classname=sanitize(report.name), name=line.name, time=f"{line.seconds:.3f}"
        )
        if line.standing is Standing.BROKEN:
            failure = ElementTree.SubElement(case, "failure", message=sanitize(line.says))
            failure.text = sanitize("\n".join(part for part in (line.says, line.example, line.replay) if part))
        elif line.standing is Standing.NOT_APPLICABLE:
            ElementTree.SubElement(case, "skipped", message=sanitize(line.says))
        else:
            ElementTree.SubElement(case, "system-out").text = sanitize(f"{line.standing.value}: {line.says}")
    if report.unjudged:
        case = ElementTree.SubElement(
            suite, "testcase", classname=sanitize(report.name), name="can_be_called", time="0"
        )
        ElementTree.SubElement(case, "error", message=sanitize(report.unjudged))
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def writable(file: Path | None) -> None:
    """Raise UserError where a file, if one is named, cannot be written. Nothing is left of one that was not there."""
    if file is None:
        return
    fresh = not file.exists()
    try:
        file.open("a", encoding="utf-8").close()
        if fresh:
            file.unlink()
    except OSError as error:
        raise _unwritable(file, error) from None


def write(report: Report, file: Path) -> None:
    """Write the report. Raises UserError where the file cannot be written."""
    try:
        file.write_text(junit(report), encoding="utf-8")
    except OSError as error:
        raise _unwritable(file, error) from None


def _unwritable(file: Path, error: OSError) -> UserError:
    return UserError(f"--junit {file} cannot be written ({error.strerror or error}): name another file")
