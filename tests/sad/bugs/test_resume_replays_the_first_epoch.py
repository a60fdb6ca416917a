from sad.bugs.resume_replays_the_first_epoch import BUG
from sad.data import Schedule
from sad.train.plan import Plan
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    # a resume within the first epoch passes
    assert found.reproduced[0].says.startswith("resumed at the end of an epoch, step 2: step 3 takes samples ")
    assert found.reproduced[0].numbers["resumes"] == 2


def test_a_schedule_that_is_not_told_the_epoch_is_found(monkeypatch, found_in_the_code_that_trains):
    class Told(Schedule):
        """Knows the epoch from the end of the one before."""

        epochs = {}  # noqa: RUF012 - by schedule: a new one each process

        def rows(self, step, process=0):
            epoch, place = divmod(step, self.steps_per_epoch)
            known = self.epochs.setdefault(id(self), [self, 0, epoch])
            if epoch != known[2]:
                known[1] = known[2] = epoch
            return super().rows(known[1] * self.steps_per_epoch + place, process)

    def schedule(self, processes=1, shipped=Plan.schedule):
        made = shipped(self, processes)
        return Told(made.size, made.batch_size, made.accumulation, made.seed, made.processes)

    monkeypatch.setattr(Plan, "schedule", schedule)
    assert "resumed at the end of an epoch, step 2: step 3 takes samples " in found_in_the_code_that_trains(BUG)
