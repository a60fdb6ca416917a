from sad_doctor import names
from sad_doctor.readers import read
from sad_doctor.readers.renamed import METRICS, is_ours, named, nearest


class Fixed:
    def __init__(self, run):
        self._run, self.path = run, run.path

    def poll(self):
        return False

    def run(self):
        return self._run


def test_every_metric_and_every_term_is_ours():
    assert names.LOSS in METRICS
    assert names.EVAL_PERPLEXITY in METRICS
    assert names.RAW not in METRICS
    assert is_ours("train/raw/anything")
    assert not is_ours("train/raw/")
    assert not is_ours("loss")
    assert nearest("train/los") == "did you mean train/loss?"


def test_a_name_that_was_understood_can_be_given_another(runs):
    run = read(runs / "nan.jsonl")
    source = named(Fixed(run), {"train/raw/kd": "train/weighted/kd"})
    assert source.path == run.path
    known = source.run()
    assert known.columns["train/weighted/kd"] is run.columns["train/raw/kd"]
    assert "train/raw/kd" not in known.columns


def test_without_a_name_the_source_stays_itself(runs):
    source = Fixed(read(runs / "nan.jsonl"))
    assert named(source, {}) is source
    assert named(source, {}, 50).run().facts[names.TOTAL_STEPS] == 50


def test_a_reader_s_notes_do_not_say_what_was_told_otherwise(write):
    line = '{"step": %d, "loss": 2.0, "lr": 0.1, "mine": 3.0, "other": 1.0}\n'
    run = read(write("run.jsonl", "".join(line % i for i in range(9))))
    assert run.notes == ("read loss as train/loss, lr as train/lr", "not used: mine, other (name them with --map)")
    told = named(Fixed(run), {"mine": names.LOSS}).run()
    assert told.notes == (
        "read lr as train/lr",
        "not used: other (name them with --map)",
        "mine is train/loss, as told",
    )
    assert told.columns[names.LOSS].last == 3
    both = named(Fixed(run), {"mine": names.LOSS, "lr": "train/raw/x", "other": "train/raw/y"}).run()
    assert len(both.notes) == 3


def test_a_name_that_its_row_gave_another_meaning_is_found(write):
    line = '{"step": %d, "loss": 2.0, "loss_ce": 5.0, "loss_mlm": 1.0, "kl": 7.0, "gpu_mem_gb": 3.0}\n'
    run = read(write("run.jsonl", "".join(line % i for i in range(9))))
    wanted = {"loss_ce": "train/raw/a", "kl": "train/raw/b", "gpu_mem_gb": names.MEMORY}
    told = named(Fixed(run), wanted).run().columns
    assert [told[name].last for name in wanted.values()] == [5, 7, 3e9]
