from sad_doctor import names
from sad_doctor.example import parse
from sad_doctor.signals import evaluated, events_at, lengths, noises, per_batch

NEXT = ", ".join(str(i) for i in range(61, 101))
NOISE = f"steps: 60\ntrain/loss: 4 ~ 0.02\ntrain/grad_norm: 1 ~ 0.02\nsteps: {NEXT}\ntrain/loss: 4 ~ 0.2\n"
NOISE += "train/grad_norm: 1 ~ 0.2\n"


def test_noise_that_becomes_another_one_but_not_that_of_the_norm() -> None:
    found = noises(per_batch(parse(NOISE), 40), 61, 1.8)
    assert list(found) == [names.LOSS]
    assert 5 < found[names.LOSS] < 20
    assert noises(per_batch(parse(NOISE), 40), 61, 30) == {}


def test_a_length_that_changes_once() -> None:
    once = f"steps: 60\ntrain/length: 28\nsteps: {NEXT}\ntrain/length: 6"
    assert lengths(parse(once), 61, 1) == (28, 6)
    assert lengths(parse(once), 40, 1) is None
    stages = "steps: 20\ntrain/length: 8\nsteps: " + ", ".join(str(i) for i in range(21, 41)) + "\ntrain/length: 16\n"
    stages += "steps: " + ", ".join(str(i) for i in range(41, 61)) + "\ntrain/length: 32"
    assert lengths(parse(stages), 41, 1) is None


def test_the_evaluation_just_before_where_they_are_rare() -> None:
    text = "steps: 100\ntrain/loss: 5 -> 4 ~ 0.1\nsteps: {}\neval/loss: 5 -> 4"
    rare, often = text.format("20, 40, 60, 80, 100"), text.format(", ".join(str(i) for i in range(4, 101, 4)))
    assert evaluated(parse(rare), 61, 1) == 60
    assert evaluated(parse(rare), 65, 1) is None
    assert evaluated(parse(often), 61, 1) is None


def test_events_within_two_records() -> None:
    run = parse("steps: 60\ntrain/loss: 5 -> 4\nevent resume @ 40: again")
    assert [one.kind for one in events_at(run, 41, 1)] == ["resume"]
    assert events_at(run, 44, 1) == []
