from sad_doctor.finding import Comparison, Row
from sad_doctor.views.beside import lines


def row(what, where, lies):
    return Row(what, where, 1.0, "1", "0.5", lies)


def test_one_line_for_each_series_with_its_last_place():
    rows = (row("the loss", "20%", "above"), row("the loss", "50%", "within"), row("kd", "50%", "within"))

    told = list(lines(Comparison("Beside", "", rows, ("a note",))))

    assert told == [
        "the loss: 1 at 50%, there 0.5; above at 1 of 2",
        "kd: 1 at 50%, there 0.5; within at 1 of 1",
        "a note",
    ]
