"""The command lines of `sad doctor` and `sad explain`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from sad.cli import completion
from sad.cli.grouped import Group, grouped
from sad.cli.options import JSON, path, threshold
from sad.errors import UserError

_RUNS = typer.Argument(
    help="A run folder, a log file, or FILE.db/RUN of a tracker's database; live or finished. Several are "
    "compared; of a folder that holds several one is chosen.",
    metavar="RUN",
)
_FAIL_ON = typer.Option(
    help="What makes the exit code 1: error (unless sad.toml says more), or warn.",
    metavar="LEVEL",
    autocompletion=completion.fail_on,
)
_MAP = typer.Option("--map", help="Which column is which, e.g. my_kl=train/raw/kd.", metavar="THEIRS=OURS")
_TOTAL_STEPS = typer.Option(help="Steps of the run, where the log does not tell.", metavar="N")
_SELECT = typer.Option(help="Only these red flags: R101, R2, a name.", metavar="RULE", autocompletion=completion.rules)
_IGNORE = typer.Option(help="Leave these red flags out.", metavar="RULE", autocompletion=completion.rules)
_BAND = typer.Option(
    help="Lay the run beside a band: seed, or a TOML file.", metavar="NAME|FILE", autocompletion=completion.bands
)
_REPLAY = typer.Option(help="Play a finished run in the dashboard, so many times as fast.", metavar="20x")
_FOLLOW = typer.Option("--follow", help="Go on until the run ends, without the dashboard; then report.")
_IDLE = typer.Option(help="End --follow after so many seconds without news.", metavar="SECONDS")
_NOTIFY = typer.Option(
    help="Tell of each red flag, once: POST it to an address, or run a command.", metavar="URL|COMMAND"
)
_CODE = typer.Argument(
    help="A bug (V101), a property (I08), a red flag (R203) or a key of the recipe (terms.kd).",
    metavar="CODE",
    autocompletion=completion.pages,
)
_RUN = typer.Argument(help="A run: what the red flag measured in it is told too.", metavar="RUN")


@dataclass(frozen=True)
class View(Group):
    """How the verdict is shown; without one, on a terminal, in the dashboard."""

    report: Annotated[bool, typer.Option("--report", help="Print text instead of the dashboard.")] = False
    json: Annotated[bool, JSON] = False
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown, for a pull request.")] = False
    sarif: Annotated[bool, typer.Option("--sarif", help="Print SARIF 2.1.0, for a code host.")] = False
    junit: Annotated[bool, typer.Option("--junit", help="Print JUnit XML, for a CI system.")] = False
    html: Annotated[Path | None, path("FILE", "Write the report with charts to this file, as one page.")] = None
    svg: Annotated[Path | None, path("FILE", "Write a picture of the dashboard to this file.")] = None

    @property
    def form(self) -> str:
        """What goes to standard output; "" for none. Raises UserError for more than one."""
        from sad_doctor.request import FORMS

        forms = [form for form in FORMS if getattr(self, form)]
        if len(forms) > 1:
            raise UserError(f"{' and '.join(f'--{form}' for form in forms)} are {len(forms)} answers: give one of them")
        return "".join(forms)


@dataclass(frozen=True)
class Judging(Group):
    """What the run is judged by."""

    fail_on: Annotated[str | None, _FAIL_ON] = None
    columns: Annotated[list[str] | None, _MAP] = None
    total_steps: Annotated[float | None, _TOTAL_STEPS] = None
    select: Annotated[list[str] | None, _SELECT] = None
    ignore: Annotated[list[str] | None, _IGNORE] = None
    changed: Annotated[list[str] | None, threshold("Another threshold for a red flag, e.g. R203.share=0.9.")] = None
    band: Annotated[str | None, _BAND] = None
    baseline: Annotated[str | None, typer.Option(help="Lay the run beside a good one.", metavar="RUN")] = None


@dataclass(frozen=True)
class Watch(Group):
    """A run that goes on."""

    follow: Annotated[bool, _FOLLOW] = False
    idle: Annotated[float | None, _IDLE] = None
    notify: Annotated[list[str] | None, _NOTIFY] = None


@grouped
def doctor(
    *,
    run: Annotated[list[str], _RUNS],
    view: View,
    judging: Judging,
    replay: Annotated[str, _REPLAY] = "",
    watch: Watch,
) -> None:
    """Diagnose a run: dashboard on a terminal, text elsewhere.

    Exit 0 healthy, 1 red flags, 2 cannot read, 3 nothing to judge.
    """
    from sad_doctor.main import renaming, run_doctor
    from sad_doctor.request import Request
    from sad_doctor.settings import thresholds
    from sad_doctor.watch import Watching

    form, told = view.form, judging.given
    try:
        limits, renamed = thresholds(told.pop("changed", [])), renaming(told.pop("columns", []))
        watching = Watching(following=watch.follow, idle=watch.idle, notify=watch.notify or [])
    except ValueError as problem:
        raise UserError(str(problem)) from None
    asked = Request(
        form=form,
        svg=view.svg,
        html=view.html,
        thresholds=limits,
        names=renamed,
        replay=replay,
        watching=watching,
        **told,
    )
    with watching:
        raise typer.Exit(run_doctor(run, asked))


def explain(
    code: Annotated[str, _CODE],
    run: Annotated[Path | None, _RUN] = None,
    changed: Annotated[list[str] | None, threshold("Another threshold, e.g. R203.share=0.9.")] = None,
) -> None:
    """Print the page of a bug, a property, a red flag, a thing seen in a source or a key of the recipe.

    Of a red flag also what it measured in a run.
    """
    from sad_doctor.main import explain as explain_rule

    if changed and run is None:
        raise UserError(
            f"--set {changed[0]}: a threshold matters where a run is measured: name the run too, such as runs/latest"
        )
    if run is not None:
        typer.echo(_explained(code, run, changed or []).rstrip())
        return
    if (page := explain_rule(code)) is None:
        page = _bug_page(code)
    typer.echo(page.rstrip())


def _bug_page(code: str) -> str:
    import difflib

    from sad import catalogue
    from sad.pages.recipe import key_page, nearest_key
    from sad.pages.write import bug_page
    from sad.source.rules import rules
    from sad_doctor.rules import RULES
    from sad_doctor.settings import nearest

    every = {name for bug in catalogue.entries() for name in (bug.code.lower(), bug.name)}
    every |= {name for rule in RULES for name in (rule.code.lower(), rule.name)}
    every |= {name for rule in rules() for name in (rule.code.lower(), rule.name)}
    every |= {n for name, number in catalogue.numbers().items() for n in (name, name.replace("_", "-"), number.lower())}
    if code.strip().lower() not in every:
        if (told := key_page(code)) is not None:
            return told
        if code[:1].upper() == "R" and code[1:].isdigit():
            raise UserError(f"no red flag {code}; {nearest(code)}")
        # a misspelt name means one name, not all that are somewhat like it
        slips = difflib.get_close_matches(code.lower(), sorted(name for name in every if "-" in name), n=1, cutoff=0.8)
        if slips := slips or ([key] if "." in code and (key := nearest_key(code)) else []):
            raise UserError(
                f"no bug, no property, no red flag and no key of the recipe {code!r}; did you mean {slips[0]}?"
            )
    return bug_page(code)


def _explained(code: str, run: Path, changed: list[str]) -> str:
    from sad_doctor.main import explain as explain_rule
    from sad_doctor.main import explain_run
    from sad_doctor.readers import Unreadable
    from sad_doctor.settings import thresholds

    if explain_rule(code) is None:
        # refuses a code that means nothing
        _bug_page(code)
        raise UserError(f"{code} is no red flag: a run goes with one, such as R203; leave out {run}")
    try:
        return explain_run(code, run, thresholds(changed))
    except (ValueError, Unreadable) as problem:
        raise UserError(str(problem)) from None
