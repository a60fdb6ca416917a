"""Terms of a user's own: found, trained with, and refused in one line where they break what every term keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from sad import tiny
from sad.data import blank, collate
from sad.distiller import Distiller
from sad.errors import UserError
from sad.recipe.schema import load
from sad.recipe.terms import Terms
from sad.terms import custom
from sad.train.plan import make_plan
from sad_doctor import names

OWN = """
from __future__ import annotations
from dataclasses import dataclass
import torch
from torch import nn
from sad.batch import Sum

def total(view):
    states = view.student.hidden[view.batch.boundaries.row, view.batch.boundaries.student]
    return states.float().square().mean(-1).sum()

@dataclass
class Small:
    size: float = 1.0
    def __call__(self, view):
        return Sum(self.size * total(view), len(view.batch.boundaries))

def labels(view, size=1.0):
    at = view.batch.targets
    return Sum(size * view.student.hidden[at.row, at.position].float().square().sum(), len(at))
labels.per = "label"

class Learned(nn.Module):
    states = True
    def __init__(self, width):
        super().__init__()
        self.map = nn.Linear(width, 32)
    def forward(self, view):
        _, theirs = view.states(0)
        at = view.batch.boundaries
        apart = self.map(view.student.hidden[at.row, at.student]) - theirs.detach()
        return Sum(apart.float().square().mean(-1).sum(), len(at))

class Leaks:
    states = True
    def __call__(self, view):
        mine, theirs = view.states(0)
        return Sum((mine - theirs).float().square().mean(-1).sum(), len(view.batch.boundaries))

class Backward:
    def __call__(self, view):
        made = total(view)
        made.backward()
        return Sum(made, len(view.batch.boundaries))

class Changes:
    def __call__(self, view):
        view.batch.targets.token.zero_()
        return Sum(total(view), len(view.batch.boundaries))

class Leaves:
    def __call__(self, view):
        raise SystemExit(7)

class Tires:
    calls = 0
    def __call__(self, view):
        self.calls += 1
        if self.calls > 20:
            {}["tired"]
        return Sum(total(view), len(view.batch.boundaries))

class Large:
    def __call__(self, view):
        raise torch.OutOfMemoryError("CUDA out of memory")

class Quiet:
    def __call__(self, view):
        return Sum(total(view).detach(), len(view.batch.boundaries))

class Counts:
    def __call__(self, view):
        return Sum(total(view), len(view.batch.boundaries) - 1)

class Mean:
    def __call__(self, view):
        return total(view)

class Half:
    def __call__(self, view):
        return Sum(total(view).bfloat16(), len(view.batch.boundaries))

class Endless:
    def __call__(self, view):
        return Sum(total(view) / 0.0, len(view.batch.boundaries))

class Steep:
    def __call__(self, view):
        return Sum((total(view) * 0.0).sqrt(), len(view.batch.boundaries))

class Fails:
    def __call__(self, view):
        return view.nothing

class Silent:
    pass

class Strange:
    per = "word"
    def __call__(self, view):
        return Sum(total(view), 1)

class Dropped(nn.Module):
    def forward(self, view):
        at = view.batch.boundaries
        states = view.student.hidden[at.row, at.student].float()
        return Sum(nn.functional.dropout(states, 0.5, self.training).sum(), len(at))
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "own.py").write_text(OWN)
    return tmp_path / "own.py"


def terms(file: Path | str, name: str, **options: Any) -> Terms:
    return Terms.model_validate({"custom": {"mine": {"term": f"{file}:{name}", "weight": 0.5, **options}}})


def distiller(of: Terms) -> Distiller:
    pair = tiny.pair()
    return Distiller(pair.student, pair.teacher, pair.vocab, of).eval()


def batch(texts: int = 2) -> Any:
    plan = tiny.plan()
    return collate(plan.train[:texts], plan.pair.readers)


def refused(of: Terms) -> str:
    def asked() -> None:
        made = distiller(of)
        made(batch(), made.ask_teacher(batch()))

    with pytest.raises(UserError) as caught:
        asked()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_term_takes_its_options_and_its_place(file: Path) -> None:
    found = []
    for size in (1.0, 3.0):
        made = distiller(terms(file, "Small", size=size))
        assert made.names == ("kd", "lm", "layerwise", "mine")
        found.append(made(batch(), made.ask_teacher(batch()))["mine"])
        assert made.counts(batch()) == batch().counts() | {"mine": len(batch().boundaries)}
    assert float(found[1].total.detach()) == pytest.approx(3 * float(found[0].total.detach()))
    assert found[0].units == len(batch().boundaries)


def test_a_function_is_a_term_too_and_may_count_labels(file: Path) -> None:
    made = distiller(terms(file, "labels", size=2.0))
    assert made(batch(), made.ask_teacher(batch()))["mine"].units == len(batch().targets)
    assert made.counts(batch())["mine"] == len(batch().targets)


@pytest.mark.parametrize(("name", "options", "asks"), [("Learned", {"width": 16}, True), ("Small", {}, False)])
def test_states_are_kept_for_a_term_that_asks_for_them(
    file: Path, name: str, options: dict[str, Any], asks: bool
) -> None:
    custom = {"mine": {"term": f"{file}:{name}", "weight": 0.5, **options}}
    made = distiller(Terms.model_validate({"custom": custom, "layerwise": {"weight": 0}}))
    assert bool(made.pairs) is asks


def test_a_module_on_the_path_is_found(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(file.parent))
    assert "mine" in distiller(terms("own", "Small")).names


def test_without_a_weight_it_is_not_even_looked_for() -> None:
    of = Terms.model_validate({"custom": {"mine": {"term": "nowhere:Nothing", "weight": 0}}})
    assert "mine" not in distiller(of).names


def test_it_trains_is_logged_and_its_weights_are_saved_apart_from_the_student(file: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    changes = terms(file, "Learned", width=16).model_dump(exclude={"attention", "alm"})
    made = tiny.train(tiny.plan({"terms": changes, "train": {"save_every": 4}}), tmp_path / "run")
    lines = [line for line in made.record if names.RAW + "mine" in line]
    assert len(lines) == 8
    assert lines[-1][names.RAW + "mine"] < lines[0][names.RAW + "mine"]
    assert all(line[names.WEIGHTED + "mine"] == pytest.approx(0.5 * line[names.RAW + "mine"]) for line in lines)
    assert any(names.EVAL_RAW + "mine" in line for line in made.record)
    last = sorted((tmp_path / "run" / "checkpoints").iterdir())[-1]
    kept = load_file(last / "distiller.safetensors")
    assert "own.mine.map.weight" in kept
    student = list((tmp_path / "run").rglob("model.safetensors"))
    assert student
    assert not any("map" in name for path in student for name in load_file(path))


def test_the_check_leaves_no_trace_in_the_run(file: Path) -> None:
    of = terms(file, "Dropped")
    made, drawn = distiller(of).train(), torch.get_rng_state()
    view = made.view(batch(), made.ask_teacher(batch()))
    custom.check("mine", of.custom["mine"], made._own["mine"], view)
    assert torch.equal(torch.get_rng_state(), drawn)
    assert all(p.grad is None for p in made.parameters())
    assert view._passed is None
    view.vocabulary().kd.backward()


def test_a_blank_batch_is_not_what_it_is_judged_by(file: Path) -> None:
    plan, made = tiny.plan(), distiller(terms(file, "Small"))
    empty = blank(plan.train[0], plan.pair.readers)
    found = made(empty, made.ask_teacher(empty))["mine"]
    assert (float(found.total.detach()), found.units) == (0.0, 0)
    assert made._unchecked == {"mine"}


def test_one_that_fails_later_is_told_of_as_its_own_fault(file: Path, tmp_path: Path) -> None:
    of = {"terms": {"custom": {"mine": {"term": f"{file}:Tires", "weight": 0.1}}}}
    with pytest.raises(UserError, match=r"terms.custom.mine \(.*:Tires\) failed: KeyError: 'tired' \(own.py, line"):
        tiny.train(tiny.plan(of), tmp_path / "run")


def test_a_want_of_memory_is_left_to_the_loop_which_cuts_the_batch(file: Path) -> None:
    made = distiller(terms(file, "Large"))
    with pytest.raises(torch.OutOfMemoryError):
        made(batch(), made.ask_teacher(batch()))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Leaks", "sends a gradient to the teacher's states: detach what it takes from them"),
        ("Quiet", "gives the student no gradient: compute its total from the view's student"),
        ("Counts", "units where the batch has"),
        ("Mean", "returns a torch.float32 tensor of shape []: it must return a sad.batch.Sum(total, units)"),
        ("Half", "has a torch.bfloat16 tensor of shape [] as its total: it must be one number, a float32 tensor"),
        ("Endless", "is inf on the first batch"),
        ("Steep", "has a gradient on the first batch that is not finite"),
        ("Fails", "failed on the first batch: AttributeError: 'View' object has no attribute 'nothing' (own.py, line"),
        ("Backward", "has no gradient: RuntimeError: Trying to backward through the graph"),
        ("Changes", "changes the batch, which every term reads: take a copy of what it changes"),
        ("Leaves", "failed on the first batch: SystemExit: 7 (own.py, line"),
        ("Silent", "cannot be called: give its class a __call__(self, view) -> Sum"),
        ("Strange", 'counts per \'word\': its `per` must be "boundary" or "label"'),
    ],
)
def test_what_breaks_the_contract_is_refused(file: Path, name: str, says: str) -> None:
    assert f"terms.custom.mine ({file}:{name}) " in refused(terms(file, name))
    assert says in refused(terms(file, name))


def test_options_that_it_does_not_take_are_refused(file: Path) -> None:
    message = refused(terms(file, "Small", siez=2.0))
    assert "does not take its options: TypeError: " in message
    assert "siez" in message


def test_what_is_not_there_is_told_before_models_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sad.train.plan.load", lambda *_: pytest.fail("the models were loaded"))
    own = {"terms.custom": {"mine": {"term": "nowhere:Mine", "weight": 0.1}}}
    with pytest.raises(UserError, match=r"terms.custom.mine: cannot import nowhere"):
        make_plan(load(None, own))
    with pytest.raises(pytest.fail.Exception, match="the models were loaded"):
        make_plan(load(None, {"terms.custom": {"mine": {"term": "nowhere:Mine", "weight": 0.0}}}))


def test_what_is_not_there_is_refused(file: Path, tmp_path: Path) -> None:
    assert "terms.custom.mine: cannot import nowhere: ModuleNotFoundError" in refused(terms("nowhere", "Mine"))
    assert "own.py has no Other" in refused(terms(file, "Other"))
    assert "no such file" in refused(terms(tmp_path / "other.py", "Small"))
    (tmp_path / "ends.py").write_text("import sys\nsys.exit(7)\n")
    assert "cannot import" in (message := refused(terms(tmp_path / "ends.py", "Small")))
    assert "SystemExit: 7 (ends.py, line 2)" in message
    (tmp_path / "broken.py").write_text("x = 1\ny = x.z\n")
    message = refused(terms(tmp_path / "broken.py", "Small"))
    assert "AttributeError" in message
    assert "(broken.py, line 2)" in message
