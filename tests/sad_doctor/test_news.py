from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.example import parse
from sad_doctor.finding import Finding, Level, Report, Story
from sad_doctor.news import News

RUN = parse("steps: 4\ntrain/raw/kd: 9 -> 8\ntrain/raw/hidden: 9 -> 8")
DOMINATES = Finding("R203", "term-dominates", Level.ERROR, "The term kd is 90.1% at step 10.", (), "", "")
FROZEN = Finding("R101", "weights-frozen", Level.ERROR, "The weights never moved: 51.7 at 2 steps.", (), "", "")


def report(*stories):
    told = (Story(*one) if isinstance(one, tuple) else Story(one) for one in stories)
    return Report(tuple(told), ("R1",), (), ())


def told(news, *stories, run=RUN):
    return [(one.finding.headline, len(one.consequences)) for one in news.of(run, report(*stories))]


def test_a_finding_is_told_once_whatever_its_numbers_are():
    news = News()
    assert told(news, DOMINATES, FROZEN) == [(DOMINATES.headline, 0), (FROZEN.headline, 0)]
    for step in (20, 30):
        later = replace(DOMINATES, headline=f"The term kd is 95.{step}% at step {step}.", last_step=step)
        assert told(news, FROZEN, later) == []
    assert told(news) == []
    assert told(news, FROZEN) == []


def test_another_term_and_a_worse_level_are_news():
    news = News()
    other = replace(DOMINATES, headline="The term hidden is 90% at step 10.")
    mild = replace(FROZEN, level=Level.WARNING)
    assert len(told(news, DOMINATES, mild)) == 2
    assert told(news, DOMINATES, other, FROZEN) == [(other.headline, 0), (FROZEN.headline, 0)]
    assert told(news, other, DOMINATES, mild, FROZEN) == []
    assert told(news, replace(DOMINATES, headline="The terms hidden and kd are 99%.")) == []


def test_each_run_has_news_of_its_own():
    news = News()
    assert told(news, FROZEN)
    assert told(news, FROZEN, run=replace(RUN, path=RUN.path / "other"))


def test_a_consequence_comes_with_its_cause_or_alone():
    news = News(Level.ERROR)
    note = replace(FROZEN, rule="R301", level=Level.INFO)
    late = replace(FROZEN, rule="R102", headline="The rate is 0.")
    assert told(news, (FROZEN, (DOMINATES, note))) == [(FROZEN.headline, 1)]
    assert told(news, (FROZEN, (DOMINATES, late, note))) == [(late.headline, 0)]
    assert told(news, (replace(note, rule="R9"), (replace(late, rule="R8"),))) == [(late.headline, 0)]


found = st.builds(
    lambda rule, level, term, number: replace(
        FROZEN, rule=rule, level=level, headline=f"The term {term} is {number} of it."
    ),
    st.sampled_from(["R1", "R2"]),
    st.sampled_from(list(Level)),
    st.sampled_from(["kd", "hidden", "none"]),
    st.integers(0, 99),
)


@given(st.lists(st.lists(found, max_size=4), max_size=6))
def test_nothing_that_stays_is_told_again(looks):
    news = News()
    for findings in looks:
        told(news, *findings)
        assert told(news, *findings) == []
