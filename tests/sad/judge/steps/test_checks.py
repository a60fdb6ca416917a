"""Right steps of several styles are left alone; each faulty one breaks the property that is for it."""

from __future__ import annotations

from pathlib import Path

import pytest
import strange
import torch
import transformers
from accelerate.state import AcceleratorState

from sad.errors import UserError
from sad.judge.judging import Code
from sad.judge.steps.engine import accelerated
from sad.judge.steps.lengths import alike
from sad.judge.steps.library import Library, alone, own_arguments
from sad.judge.target import load
from sad.verdict import Standing

HERE = Path(__file__).parent
ASKING, PROGRAM = HERE / "asking_steps.py", HERE / "program_steps.py"
BUILDING, ODD = HERE / "building_steps.py", HERE / "odd_steps.py"
READING = HERE / "reading_steps.py"
RIGHT, FAULTY = (HERE / f"{name}_steps.py" for name in ("right", "faulty"))
STYLES, PUBLIC, FAULTS = load(f"{RIGHT}:STYLES"), load(f"{RIGHT}:PUBLIC"), load(f"{FAULTY}:FAULTS")
NOT_JUDGED = [
    ("no_batch", "neither a batch nor"),
    ("NeedsMore", "frobnication"),
    ("only_a_loss", "takes no optimizer and takes no step"),
]


@pytest.mark.parametrize("name", STYLES)
def test_a_right_one_is_left_alone(name):
    what, lines = strange.judged(RIGHT, name, "step")
    assert {one: line.says for one, line in lines.items() if line.standing is Standing.BROKEN} == {}, what
    assert lines["split_invariance"].standing is Standing.HOLDS
    asks = name in ("distilled", "whole_run", "Distiller", "Distiller.train_step")
    assert lines["teacher_isolation"].standing is (Standing.HOLDS if asks else Standing.NOT_APPLICABLE)


@pytest.mark.parametrize("name", PUBLIC)
def test_pairs_tensors_and_factories_are_understood(name):
    only = ("can_be_called", "split_invariance", "configuration_has_effect")
    what, lines = strange.judged(RIGHT, name, "step", only)
    assert {one: line.says for one, line in lines.items() if line.standing is Standing.BROKEN} == {}, what
    assert lines["split_invariance"].standing is Standing.HOLDS


@pytest.mark.parametrize("name", load(f"{ASKING}:STYLES"))
def test_settings_in_an_object_engines_and_classes_are_understood(name):
    what, lines = strange.judged(ASKING, name, "step", ("can_be_called", "step_accounting", "configuration_has_effect"))
    assert {one: line.says for one, line in lines.items() if line.standing is Standing.BROKEN} == {}, what
    assert lines["step_accounting"].standing is Standing.HOLDS


@pytest.mark.parametrize("name", load(f"{BUILDING}:RIGHT"))
def test_what_a_loop_makes_itself_is_given_to_it(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    only = ("can_be_called", "split_invariance", "text_length", "teacher_isolation")
    what, lines = strange.judged(BUILDING, name, "step", only)
    assert {one: line.says for one, line in lines.items() if line.standing is Standing.BROKEN} == {}, what
    assert lines["teacher_isolation"].standing is Standing.HOLDS
    # what it saves goes with a folder of its own
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "told"), load(f"{BUILDING}:FAULTY").items())
def test_a_fault_of_a_loop_that_makes_its_parts_is_caught(name, told):
    _, lines = strange.judged(BUILDING, name, "step", ("can_be_called", told))
    assert lines[told].standing is Standing.BROKEN


@pytest.mark.parametrize(("name", "one"), load(f"{READING}:RIGHT").items())
def test_what_a_program_reads_itself_is_given_to_it(name, one):
    _, lines = strange.judged(READING, name, "step", ("can_be_called", one))
    assert [line.standing for line in lines.values()] == [Standing.HOLDS, Standing.HOLDS]


def test_a_program_of_one_epoch_that_makes_its_optimizer_anew_is_one_run():
    _, lines = strange.judged(READING, "of_one_epoch", "step", ("can_be_called", "step_accounting"))
    assert [line.standing for line in lines.values()] == [Standing.HOLDS, Standing.HOLDS]


def test_a_function_that_draws_batches_is_said_to_be_replaced():
    _, said = strange.assumed(READING, "drawn", "step")
    assert any("its own function that draws batches is not judged" in one for one in said)


def test_what_fetches_a_classifier_has_one_class_an_example():
    _, said = strange.assumed(READING, "classifier", "step")
    assert any("a class each, for classifiers" in one for one in said)


@pytest.mark.parametrize(("name", "told"), load(f"{READING}:FAULTY").items())
def test_a_fault_of_a_program_that_reads_its_data_is_caught(name, told):
    _, lines = strange.judged(READING, name, "step", ("can_be_called", told))
    assert (lines["can_be_called"].standing, lines[told].standing) == (Standing.HOLDS, Standing.BROKEN)


def test_of_a_program_that_refuses_settings_that_stand_in_the_loop_alone_is_judged():
    _, assumed = strange.assumed(READING, "checks_its_settings", "step")
    assert "alone, since it checks its settings, and raised ValueError: . is there" in assumed[0]


def test_a_program_that_makes_its_batches_on_the_spot_is_not_judged():
    with pytest.raises(UserError, match="data that it makes itself"):
        strange.judged(READING, "of_its_own", "step")


@pytest.mark.parametrize("name", load(f"{ODD}:RIGHT"))
def test_an_odd_style_is_left_alone(name):
    what, lines = strange.judged(ODD, name, "step", ("step_accounting", "split_invariance", "teacher_isolation"))
    assert {one: line.says for one, line in lines.items() if line.standing is Standing.BROKEN} == {}, what
    assert lines["teacher_isolation"].standing is Standing.HOLDS


@pytest.mark.parametrize(("name", "told"), load(f"{ODD}:FAULTY").items())
def test_a_fault_in_an_odd_style_is_caught(name, told):
    _, lines = strange.judged(ODD, name, "step", (told,))
    assert lines[told].standing is Standing.BROKEN


@pytest.mark.parametrize(("name", "told"), load(f"{ODD}:NOT_JUDGED").items())
def test_what_nothing_tells_is_not_judged(name, told):
    with pytest.raises(UserError, match=told):
        strange.judged(ODD, name, "step")


def test_a_file_that_is_not_here_is_no_fault():
    with pytest.raises(UserError, match=r"own\.bin'?: a file of its program is not here"):
        strange.judged(BUILDING, "reads_its_folder", "step")


@pytest.mark.parametrize("name", load(f"{PROGRAM}:STYLES"))
def test_a_loop_gets_what_its_program_sets(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    what, lines = strange.judged(PROGRAM, name, "step", ("can_be_called", "step_accounting"))
    assert {one: line.says for one, line in lines.items() if line.standing is Standing.BROKEN} == {}, what
    # what it saves is not left behind
    assert not list(tmp_path.iterdir())


def test_a_fault_of_a_loop_of_a_program_is_caught():
    _, lines = strange.judged(PROGRAM, "one_too_early", "step", ("step_accounting",))
    assert lines["step_accounting"].standing is Standing.BROKEN
    with pytest.raises(UserError, match="what frobnication should be cannot be told from the name"):
        strange.judged(PROGRAM, "needs_more", "step")


def test_what_is_read_from_an_object_of_settings_is_judged():
    _, said = strange.assumed(ASKING, "reads_its_args", "step")
    assert "it is set by gradient_accumulation_steps, max_grad_norm" in said
    _, lines = strange.judged(ASKING, "reads_its_args", "step", ("split_invariance",))
    assert lines["split_invariance"].standing is Standing.HOLDS, lines["split_invariance"].says
    _, lines = strange.judged(ASKING, "drops_the_rest", "step", ("step_accounting",))
    assert lines["step_accounting"].standing is Standing.BROKEN
    assert "where the last window is not full" in lines["step_accounting"].says


def test_rates_that_it_sets_itself_are_no_fault():
    only = ("split_invariance", "configuration_has_effect")
    _, lines = strange.judged(ASKING, "warms_up_itself", "step", only)
    assert [lines[one].standing for one in only] == [Standing.NOT_APPLICABLE, Standing.ALLOWED]
    assert lines["configuration_has_effect"].says.startswith("it sets its learning rates itself: learning rate")


def test_an_older_trainer_is_called_without_a_count():
    _, said = strange.assumed(ASKING, "Older", "step")
    assert any("compute_loss takes no num_items_in_batch" in one for one in said)
    _, lines = strange.judged(ASKING, "Older", "step", ("split_invariance",))
    assert "it is a mean of the means of micro-batches" in lines["split_invariance"].says


def test_a_trainer_of_transformers_is_left_alone():
    """The other properties of it: tests/sad/invariants/test_transformers_trainer.py."""
    what, lines = strange.judged(RIGHT, "Trained", "step", ("can_be_called", "split_invariance"))
    assert what == "a trainer of transformers"
    assert {line.standing for line in lines.values()} == {Standing.HOLDS}, lines


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_one_breaks_its_property(name):
    wanted, word = FAULTS[name]
    _, lines = strange.judged(FAULTY, name, "step", (wanted,))
    assert lines[wanted].standing is Standing.BROKEN
    assert word in lines[wanted].says
    assert lines[wanted].replay == f"sad verify --step it --only {wanted}"


def test_an_accelerator_takes_its_steps():
    only = ("step_accounting", "configuration_has_effect")
    _, lines = strange.judged(FAULTY, "mean_of_means_by_accelerate", "step", only)
    assert {line.standing for line in lines.values()} == {Standing.HOLDS}, lines


def test_a_teacher_that_is_not_frozen_is_allowed_and_said():
    _, lines = strange.judged(FAULTY, "teacher_records", "step", ("teacher_isolation",))
    assert lines["teacher_isolation"].standing is Standing.ALLOWED
    assert "freeze the teacher" in lines["teacher_isolation"].says


@pytest.mark.parametrize(
    ("name", "word"),
    [("no_batch", "neither a batch nor a loader"), ("NeedsMore", "frobnication"), ("make_nothing", "makes no step")],
)
def test_what_cannot_be_judged_is_told(name, word):
    with pytest.raises(UserError, match=word):
        strange.judged(FAULTY, name, "step")


@pytest.mark.parametrize(("name", "of"), [("asks_too_much", "args.frobnication"), ("waits", "tracker.is_full")])
def test_what_is_not_known_is_told(name, of):
    with pytest.raises(UserError, match=f"what {of} should be cannot be told from the name"):
        strange.judged(ASKING, name, "step")


def test_a_trainer_gets_the_arguments_of_its_module():
    trainer, plain = load(f"{HERE / 'own_arguments.py'}:WithOwnArguments"), load(f"{RIGHT}:Trained")
    assert own_arguments(trainer).__name__ == "OwnArguments"
    assert own_arguments(plain) is transformers.TrainingArguments
    assert own_arguments(transformers.Seq2SeqTrainer) is transformers.Seq2SeqTrainingArguments


def test_what_a_trainer_takes_is_read_from_its_constructor():
    kinds = {name: Library(Code(load(f"{HERE / 'own_arguments.py'}:{name}"))) for name in ("WithTeacher", "WithMore")}
    assert [kind.teacher for kind in kinds.values()] == ["teacher_model", ""]
    kinds["WithTeacher"].needs_no_more()
    with pytest.raises(UserError, match=r"what frobnication of WithMore\(\) should be"):
        kinds["WithMore"].needs_no_more()
    assert kinds["WithTeacher"].assumed()[1] == "teacher_model is a frozen model"
    other = Library(Code(load(f"{HERE / 'own_arguments.py'}:WithOtherNames")))
    other.needs_no_more()
    values = {"model": 1, "args": 2, "data_collator": 3, "train_dataset": 4}
    given = {"config": 2, "student_model": 1, "train_dataset": 4, "eval_dataset": None, "data_collator": 3}
    assert other.arguments(values) == {**given, "temperature": 1.0}
    assert kinds["WithTeacher"].arguments({**values, "teacher": 5}) == {**values, "teacher_model": 5}


@pytest.mark.parametrize(
    ("name", "standing", "says"),
    [
        ("AsksItsTeacher", Standing.HOLDS, "the teacher moved by 0 in"),
        ("PullsItsTeacher", Standing.BROKEN, "of its size"),
    ],
)
def test_a_trainer_of_transformers_trains_its_student_alone(name, standing, says):
    _, lines = strange.judged(HERE / "own_arguments.py", name, "step", ("teacher_isolation",))
    assert lines["teacher_isolation"].standing is standing, lines
    assert says in lines["teacher_isolation"].says


def test_no_accelerator_is_left_of_a_run():
    accelerated(1)
    assert AcceleratorState._shared_state
    alone()
    assert not AcceleratorState._shared_state


def test_a_trainers_gradient_of_equal_tokens_does_not_grow():
    library = Library(Code(load(f"{RIGHT}:Trained")))
    short, long = (library.gradient(alike(size)) for size in (6, 12))
    assert torch.allclose(short, long, rtol=1e-3, atol=1e-5 * float(short.norm()))
    assert float(short.norm()) > 0


def test_a_sum_over_tokens_is_allowed_and_a_mean_holds():
    _, lines = strange.judged(RIGHT, "plain", "step", ("text_length",))
    assert lines["text_length"].standing is Standing.HOLDS
    _, lines = strange.judged(FAULTY, "summed", "step", ("text_length",))
    assert lines["text_length"].standing is Standing.ALLOWED
    assert "right where texts are of one length" in lines["text_length"].says


def test_an_adapter_runs_a_whole_training():
    step = load(f"{RIGHT}:epoch")

    def adapter(given):
        for _ in range(given.epochs):
            step(given.model, given.batches, given.optimizer, given.scheduler, given.accumulation)

    _, lines = strange.judged(FAULTY, "no_batch", "step", ("step_accounting", "split_invariance"), adapter)
    assert {line.standing for line in lines.values()} == {Standing.HOLDS}


def test_an_engine_of_deepspeed_divides_and_steps():
    _, said = strange.assumed(ASKING, "of_deepspeed", "step")
    assert any("an engine as DeepSpeed's" in one for one in said)
    _, lines = strange.judged(ASKING, "of_deepspeed", "step", ("can_be_called", "split_invariance"))
    assert lines["can_be_called"].standing is Standing.HOLDS
    _, lines = strange.judged(ASKING, "divides_twice", "step", ("split_invariance",))
    assert lines["split_invariance"].standing is Standing.BROKEN
    assert "mean of the means" not in lines["split_invariance"].says


def test_labels_that_are_numbers_are_told():
    with pytest.raises(UserError, match="its labels are numbers, not tokens: it uses mse_loss"):
        strange.judged(ASKING, "OfNumbers", "step", ("can_be_called",))
