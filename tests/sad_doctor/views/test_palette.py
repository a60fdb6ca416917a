from __future__ import annotations

import pytest
from textual.color import Color

from sad_doctor.finding import Level
from sad_doctor.views import palette
from sad_doctor.views.tui import theme


def test_the_known_terms_keep_their_colours_whatever_else_there_is():
    alone = palette.colours(["kd", "lm"])
    among = palette.colours(["attention", "lm", "kd", "zz"])
    assert alone["kd"] == among["kd"] == palette.SKY
    assert alone["lm"] == among["lm"] == palette.GREEN


@pytest.mark.parametrize("dark", [True, False])
def test_a_dozen_terms_have_a_dozen_colours_and_none_is_that_of_held_out_text(dark):
    names = ["kd", "lm", "layerwise", *(f"term{i}" for i in range(9))]
    colours = palette.colours(names, dark)
    assert len(set(colours.values())) == 12
    assert palette.on_background(palette.HELD_OUT, dark) not in colours.values()


def test_a_new_term_leaves_the_colours_of_the_others():
    before = palette.colours(["a", "b", "c"])
    after = palette.colours(["a", "b", "c", "d"])
    assert {t: after[t] for t in before} == before


def test_more_terms_than_colours_is_no_error():
    assert len(palette.colours([f"t{i}" for i in range(100)])) == 100


@pytest.mark.parametrize("look", [theme.DARK, theme.LIGHT], ids=lambda t: t.name)
def test_terms_stand_out_from_the_background(look):
    background = Color.parse(look.background)
    for colour in palette.colours(["kd", "lm", "layerwise", "a", "b", "c"], look.dark).values():
        assert contrast(Color.parse(colour), background) > 2.5


@pytest.mark.parametrize("look", [theme.DARK, theme.LIGHT], ids=lambda t: t.name)
def test_held_out_text_stands_out_too_and_a_dark_background_takes_colours_as_they_are(look):
    colour = palette.on_background(palette.HELD_OUT, look.dark)
    assert contrast(Color.parse(colour), Color.parse(look.background)) > 2.5
    assert (colour == palette.HELD_OUT) == (look.dark or palette.HELD_OUT not in palette._ON_LIGHT)
    assert palette.on_background(palette.SKY, look.dark) == (
        palette.SKY if look.dark else palette._ON_LIGHT[palette.SKY]
    )


@pytest.mark.parametrize("look", [theme.DARK, theme.LIGHT], ids=lambda t: t.name)
def test_text_can_be_read(look):
    background = Color.parse(look.background)
    inks = palette.inks_of_table(look.dark)
    named = [look.foreground, look.error, look.warning, look.success, look.accent, look.variables["text-muted"]]
    for colour in (*named, *inks.values()):
        assert contrast(Color.parse(colour), background) > 4.4


def test_levels_differ_by_sign_and_not_by_colour_alone():
    assert len({palette.GLYPHS[level] for level in Level}) == len(Level)
    assert len({palette.STYLES[level] for level in Level}) == len(Level)


def contrast(one, two):
    """Return the contrast ratio of WCAG 2.2."""

    def light(colour):
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.normalized]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(one), light(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)
