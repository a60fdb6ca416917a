from sad.subjects.divergence import Contract
from sad.subjects.probe.inputs import SHAPES, call
from sad.subjects.probe.verdicts import allowed, broken, holds, not_applicable
from sad.verdict import Standing

GIVEN = call(Contract(), SHAPES[0])
WORDS = "1 sequence of 2 rows over 2 tokens"


def test_each_standing():
    assert (holds("fine").holds, holds("fine").standing) == (True, Standing.HOLDS)
    wrong = broken("bad", GIVEN, {"off": 2.0})
    assert (wrong.holds, wrong.standing, wrong.example, wrong.numbers) == (False, Standing.BROKEN, WORDS, {"off": 2.0})
    left = allowed("so so", GIVEN)
    assert (left.holds, left.standing, left.example) == (True, Standing.ALLOWED, WORDS)
    none = not_applicable("nothing")
    assert (none.holds, none.standing, none.example) == (True, Standing.NOT_APPLICABLE, "")
