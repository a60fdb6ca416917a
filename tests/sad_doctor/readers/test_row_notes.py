from sad_doctor.readers.row_notes import notes
from sad_doctor.readers.rows import Rows

NONE = dict.fromkeys(("back", "epochs", "nulls", "unstepped", "again", "stepped", "full"), 0.0)


def test_nothing_to_say():
    assert notes(NONE, 10, has_epoch=False, last_wins=False) == ()


def test_one_time_and_several():
    (once,) = notes(NONE | {"back": 1}, 10, has_epoch=False, last_wins=True)
    assert once == "the step went back 1 time: the later values count"
    (twice,) = notes(NONE | {"back": 2}, 10, has_epoch=False, last_wins=False)
    assert twice.startswith("the step went back 2 times: all values are kept, in file order; of those of one step")


def test_two_runs_in_one_log_are_said():
    def told(*rows):
        one_by_one, together = Rows(), Rows()
        for row in rows:
            one_by_one.add(row)
        together.add_all(rows)
        assert one_by_one.notes == together.notes
        assert Rows.restored(False, together.state(), together.snapshot()).notes == together.notes
        return [note for note in together.notes if "two runs" in note]

    (note,) = told(*({"step": 10 * (i // 2), "loss": 9.0 - i % 2} for i in range(60)))
    assert note.startswith("30 of 60 losses repeat the step of the row before")
    assert not told(*({"step": i, "loss": 1.0} for i in range(60)))
    beside = ({"step": i // 2, "epoch": i // 2 / 9, ("loss", "eval_loss")[i % 2]: 1.0} for i in range(60))
    assert not told(*beside)
    assert not told(
        {"step": 1, "loss": 1.0}, {"step": 1, "loss": 1.0}, *({"step": i, "loss": 1.0} for i in range(2, 9))
    )
    assert not told(*({"epoch": i // 2, "loss": 1.0} for i in range(60)))
