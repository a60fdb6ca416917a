import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "datasets", "accelerate", "pandas", "textual", "rich", "pydantic", "typer", "sad")


def modules_after(code):
    """The modules that a fresh interpreter has loaded after ``code``."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sorted(sys.modules), file=sys.stderr)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "code",
    [
        "import sad_doctor",
        "import sad_doctor; sad_doctor.check, sad_doctor.read, sad_doctor.Recorder",
        "import sad_doctor.main",
        "from sad_doctor.__main__ import parser; parser().format_help()",
        "from sad_doctor.record import Recorder",
    ],
)
def test_nothing_heavy_is_loaded(code):
    assert modules_after(code).isdisjoint(HEAVY)


def test_the_package_and_the_writer_do_without_numpy():
    assert "numpy" not in modules_after("import sad_doctor; sad_doctor.Recorder")


def test_a_report_for_a_pipe_loads_no_terminal_library(tmp_path):
    log = tmp_path / "metrics.jsonl"
    log.write_text('{"step": 1, "loss": 3.5}\n{"step": 2, "loss": 3.4}\n')
    code = (
        "from sad_doctor.main import run_doctor\nfrom sad_doctor.request import FORMS, Request\n"
        f"for form in FORMS:\n    run_doctor({str(log)!r}, Request(form=form))\n"
    )

    assert modules_after(code).isdisjoint(HEAVY)


@pytest.mark.parametrize(("name", "loaded"), [("foreign/run-foreign.wandb", False), ("runs/run2.log", True)])
def test_the_reader_of_console_logs_is_loaded_for_a_text_only(pytestconfig, name, loaded):
    log = str(pytestconfig.rootpath / "fixtures" / name)
    found = modules_after(f"import sad_doctor.main\nfrom sad_doctor.readers import read\nread({log!r})")
    assert ("sad_doctor.readers.console" in found) == loaded


def test_every_public_name_is_there():
    import sad_doctor

    for name in sad_doctor.__all__:
        assert getattr(sad_doctor, name) is not None
        assert name in dir(sad_doctor)
    with pytest.raises(AttributeError, match="no attribute 'chekc'"):
        _ = sad_doctor.chekc


@pytest.mark.parametrize(
    "first", ["", "import sad_doctor.check", "from sad_doctor.check import check", "import sad_doctor.main"]
)
def test_check_is_the_function_whatever_was_imported_before(first):
    code = f"{first}\nimport sad_doctor\nfrom sad_doctor.check import check\nassert sad_doctor.check is check"

    assert "sad_doctor.check" in modules_after(code)
