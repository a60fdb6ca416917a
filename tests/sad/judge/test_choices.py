"""A word that must be given is the first that is compared with; where another may be, none is."""

from sad.judge.choices import chosen

MUST = """
    if name == "one":
        rows = 1
    elif name == "two":
        rows = 2
    return rows
"""
MAY = MUST.replace("    return", "    else:\n        rows = 3\n    return")


def test_the_first_word_is_taken_where_one_must_be_given():
    assert chosen(f"def f(name):{MUST}", "name") == "one"
    assert chosen(f"def f(name):{MUST}", "other") is None


def test_none_is_taken_where_another_may_be_given():
    assert chosen(f"def f(name):{MAY}", "name") is None
    assert chosen("def f(name):\n    if name == 'one':\n        return 1\n    return 2", "name") is None
    assert chosen("def f(", "name") is None
