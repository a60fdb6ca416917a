"""The shape of the tree: small files, a test beside every module, and the doctor on its own."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
LONGEST = 300
PACKAGES = ("sad", "sad_doctor")
SOURCES = sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py"))
PYTHON = sorted([*SOURCES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")])

ELSEWHERE = {
    "sad/__init__.py": "tests/sad/test_api.py",
    "sad/__main__.py": "tests/e2e starts it",
    "sad/cli/assets.py": "tests/e2e starts every command",
    "sad/cli/cache.py": "tests/e2e/test_cache_cli.py",
    "sad/cli/env.py": "tests/sad/cli/test_environment.py",
    "sad/cli/options.py": "tests/sad/cli/test_app.py, and tests/docs/test_commands.py reads every option",
    "sad/cli/doctor.py": "tests/sad_doctor/test_main.py starts both commands",
    "sad/cli/train.py": "tests/e2e/test_train_cli.py",
    "sad/cli/verify.py": "tests/e2e/test_verify_cli.py",
    "sad_doctor/visit.py": "tests/sad_doctor/test_main.py and test_main_dashboard.py make it",
    "sad_doctor/causes.py": "a table; tests/sad_doctor/rules/test_rules.py",
    "sad/cli/cache_teacher.py": "tests/e2e/test_cache_cli.py",
    "sad/assets/error.py": "an exception without code of its own",
    "sad/version.py": "a number",
    "sad/verify/command.py": "tests/sad/verify/test_battery.py",
    "sad/head/kernel.py": "tests/sad/head/test_fused.py interprets it, where Triton is",
    "sad/head/kernel_lists.py": "tests/sad/head/test_lists.py interprets it, where Triton is",
    "sad/preflight/command.py": "tests/e2e/test_preflight_cli.py",
    "sad/subjects/objective.py": "data classes; tests/sad/invariants/test_objective_matches_the_texts.py",
    "sad/subjects/plain/seen.py": "data classes; tests/sad/subjects/plain/test_objective.py",
    "sad/subjects/pieces.py": "a protocol; tests/sad/subjects/plain/test_fsdp_run.py has it",
    "sad/subjects/offline.py": "a data class; tests/sad/invariants/test_stored_as_live.py",
    "sad_doctor/views/series.py": "a data class; tests/sad_doctor/views/test_html_chart.py draws it",
    "sad_doctor/views/tui/commands.py": "tests/sad_doctor/views/tui/test_app.py runs the palette",
    "sad_doctor/views/tui/panes/run_picker.py": "tests/sad_doctor/views/tui/test_open_runs.py picks with it",
    "sad_doctor/views/metrics.py": "tests/sad_doctor/views/tui/test_metrics.py, beside the runs that it is shown",
    "sad_doctor/readers/database.py": "tests/sad_doctor/readers/test_foreign.py reads what the libraries wrote",
    "sad_doctor/readers/database_run.py": "tests/sad_doctor/readers/test_foreign.py reads what the libraries wrote",
    "sad_doctor/readers/databases.py": "tests/sad_doctor/readers/test_foreign.py reads what the libraries wrote",
    "sad_doctor/readers/mlflow_database.py": "tests/sad_doctor/readers/test_foreign.py reads what the libraries wrote",
    "sad_doctor/readers/mlflow_files.py": "tests/sad_doctor/readers/test_foreign.py reads what the libraries wrote",
    "sad_doctor/readers/tensorboard.py": "tests/sad_doctor/readers/test_foreign.py reads what the libraries wrote",
    "sad_doctor/readers/cached_rows.py": "tests/sad_doctor/readers/test_cache.py opens and follows with it",
    "sad_doctor/readers/wandb_run.py": "tests/sad_doctor/readers/test_foreign.py reads what the libraries wrote",
    "sad/source/rules/__init__.py": "tests/sad/source/test_rule.py runs every rule",
    "sad/train/command.py": "tests/e2e/test_train_cli.py",
    "sad/train/processes/gradients.py": "tests/sad/train/test_step.py, processes/test_engine.py",
    "sad/train/parts.py": "tests/sad/train/test_aware.py and test_loop.py train with them",
    "sad/terms/table.py": "tests/sad/terms/test_view.py takes every term through its view",
    "sad/terms/teacher.py": "tests/sad/terms/test_view.py takes every term through its view",
    "sad/invariants/__init__.py": "tests/sad/judge/test_check.py",
    "sad/invariants/_pairs.py": "tests/sad/subjects/plain/test_objective.py",
    "sad/judge/alignments/overlap.py": "tests/sad/judge/alignments/test_checks.py",
    "sad/judge/losses/on_labels.py": "tests/sad/judge/losses/test_label_loss.py",
    "sad/judge/collators/call.py": "tests/sad/judge/collators/test_checks.py calls every style",
    "sad/judge/collators/parameters.py": "tests/sad/judge/collators/test_checks.py gives every style what it asks",
    "sad/judge/collators/cutting.py": "tests/sad/judge/collators/test_checks.py cuts with it",
    "sad/judge/collators/discover.py": "tests/sad/judge/collators/test_checks.py finds every style",
    "sad/judge/collators/found.py": "tests/sad/judge/collators/test_checks.py judges what it returns",
    "sad/judge/evaluators/settings.py": "tests/sad/judge/evaluators/test_checks.py gives every style what it asks",
    "sad/judge/evaluators/call.py": "tests/sad/judge/evaluators/test_checks.py calls every style",
    "sad/judge/evaluators/library.py": "tests/sad/judge/evaluators/test_checks.py judges transformers' own",
    "sad/judge/evaluators/found.py": "tests/sad/judge/evaluators/test_checks.py judges what it returns",
    "sad/judge/evaluators/names.py": "names; tests/sad/judge/evaluators/test_checks.py calls every style by them",
    "sad/judge/steps/factory.py": "tests/sad/judge/steps/test_checks.py makes the steps of factories",
    "sad/judge/steps/call.py": "tests/sad/judge/steps/test_checks.py calls every style",
    "sad/judge/steps/names.py": "names; tests/sad/judge/steps/test_roles.py reads others by them",
    "sad/judge/steps/found.py": "tests/sad/judge/steps/test_checks.py judges what it returns",
    "sad/judge/steps/library.py": "tests/sad/judge/steps/test_checks.py judges a trainer of transformers",
    "sad/judge/steps/loop.py": "tests/sad/judge/steps/test_checks.py runs every style",
    "sad/judge/alignments/call.py": "tests/sad/judge/alignments/test_checks.py calls every style",
    "sad/judge/alignments/found.py": "tests/sad/judge/alignments/test_checks.py judges what it returns",
    "sad/judge/losses/call.py": "tests/sad/judge/losses/test_discover.py and test_session.py call every style",
    "sad/judge/child.py": "tests/sad/judge/test_process.py starts it",
    "sad/judge/report.py": "tests/sad/judge/test_junit.py and test_command.py",
    "sad_doctor/__init__.py": "tests/sad_doctor/test_imports.py",
    "sad_doctor/__main__.py": "tests/sad_doctor/test_main.py",
    "sad_doctor/names.py": "names, and one lookup that tests/sad_doctor/test_run.py goes through",
    "sad_doctor/finding.py": "data classes; tests/sad_doctor/test_check.py",
    "sad_doctor/rule.py": "a data class; tests/sad_doctor/test_check.py",
}
"""Modules without a test module of their own, and who tests them."""


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> set[str]:
    """Return the top packages that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.partition(".")[0])
    return found


def mirrors(path: Path) -> list[Path]:
    """Return where the tests of a module may be; those of a package's `__init__` bear the package's name."""
    inside = ROOT / "tests" / path.parent.relative_to(ROOT)
    if path.name != "__init__.py":
        return [inside / f"test_{path.name}"]
    return [folder / f"test_{path.parent.name}.py" for folder in (inside, inside.parent)]


def has_code(path: Path) -> bool:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return path.name != "__init__.py" or any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in body)


def test_there_is_a_tree_to_look_at() -> None:
    assert len(SOURCES) > 100
    assert imported(Path(__file__)) == {"__future__", "ast", "pathlib"}


def test_files_are_short() -> None:
    lines = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in PYTHON}
    assert {path: count for path, count in lines.items() if count > LONGEST} == {}


def test_every_module_has_a_test_beside_it() -> None:
    """One that has none is in ELSEWHERE, with the reason."""
    alone = [name(p) for p in SOURCES if has_code(p) and not any(m.is_file() for m in mirrors(p))]
    assert sorted(set(alone) - set(ELSEWHERE)) == []


def test_what_is_tested_elsewhere_exists_and_has_no_test_of_its_own() -> None:
    for module in ELSEWHERE:
        assert (ROOT / module).is_file()
        assert not any(m.is_file() for m in mirrors(ROOT / module))


def test_the_doctor_stands_alone() -> None:
    doctor = {name(path): imported(path) for path in SOURCES if name(path).startswith("sad_doctor/")}
    trainers = {"sad", "torch", "transformers", "datasets", "accelerate", "pydantic"}
    assert {path for path, found in doctor.items() if found & trainers} == set()
    textual = {path for path, found in doctor.items() if "textual" in found}
    assert textual
    assert {path for path in textual if not path.startswith("sad_doctor/views/tui/")} == set()
