"""What the benchmark says of its figures must be what they are."""

import math
from xml.etree import ElementTree as ET

import pytest

from .goals import VERDICTS, Figure, flatness
from .load import number_of
from .plot import draw
from .report import rows


class Site:
    def __init__(self, key: str) -> None:
        self.key = self.label = key


FIGURES = [
    Figure("p99", "p99", "ms", at_most=1, relative=True),
    Figure("rate", "rate", at_least=100, digits=0),
    Figure("untaken", "untaken", at_most=1),
]


def test_goals_relative_to_the_rival_and_of_their_own():
    sites = [Site("project"), Site("plain"), Site("nchan")]
    values = {
        "project": {"p99": [30.0, 20.0, 90.0], "rate": [99.0]},
        "plain": {"p99": [400.0]},
        "nchan": {"p99": [40.0], "rate": [1.0]},
    }
    assert rows(FIGURES, sites, values) == [
        ["", "project", "plain", "nchan", "÷ nchan", "goal", "met?"],
        ["p99", "30.0 ms", "400.0 ms", "40.0 ms", "0.75", "≤ 1 × nchan", "yes"],
        ["rate", "99", "–", "1", "99.00", "≥ 100", "no"],
    ]


def test_without_the_rival_a_relative_goal_is_neither_met_nor_missed():
    taken = {"project": {"p99": [30.0]}, "plain": {"p99": [400.0]}}
    [_heading, row] = rows(FIGURES, [Site("project"), Site("plain")], taken)
    assert row == ["p99", "30.0 ms", "400.0 ms", "0.07", "≤ 1 × nchan", ""]
    assert rows(FIGURES, [Site("nchan")], {}) == []


def test_a_goal_is_judged_by_the_site_that_it_is_for():
    figure = Figure("delay", "delay", "ms", at_most=20, judged="redis")
    sites = [Site("project"), Site("postgresql"), Site("redis")]
    values = {"project": {"delay": [200.0]}, "redis": {"delay": [15.0]}}
    assert rows([figure], sites, values) == [
        ["", "project", "redis", "goal", "met?"],
        ["delay", "200.0 ms", "15.0 ms", "≤ 20", "yes"],
    ]


def test_verdicts_alone_show_no_site():
    sites = [Site("project"), Site("redis")]
    values: dict[str, dict[str, list[float]]] = {"project": {"rate": [1.0], "lost": [0, 0]}, "redis": {"lost": [3]}}
    table = rows([FIGURES[1], *VERDICTS], sites, values)
    assert table[0] == ["", "project", "goal", "met?"]
    assert table[-1] == ["events lost, all runs", "0", "0", "yes"]


def test_flatness_sees_what_grows_and_what_falls():
    falling = {"few_cpu_us": [30.0, 40.0, 50.0], "many_cpu_us": [20.0], "throng_cpu_us": [10.0]}
    assert flatness(falling) == {"cpu_growth": [0.5], "cpu_spread": [4.0]}
    assert flatness({"few_cpu_us": [10.0], "crowd_cpu_us": [15.0]}) == {"cpu_growth": [1.5], "cpu_spread": [1.5]}
    assert flatness({"few_cpu_us": [10.0]}) == {}


def test_a_figure_that_could_not_be_taken_meets_nothing():
    assert Figure("p99", "p99", at_most=1).met(math.nan) is False
    assert Figure("rate", "rate", at_least=1).met(math.nan) is False


@pytest.mark.parametrize(
    ("event_id", "number"), [(b"41", 41), (b"events:41", 41), (b"1700000000:3", 1_700_000_000_000_003), (b"", -1)]
)
def test_ids_rise_as_numbers_whoever_gave_them(event_id, number):
    assert number_of(event_id) == number


def test_the_plot_is_well_formed_and_shows_every_point():
    drawn = draw("a < b", "x", "y", {"one": [(100, 3.5), (1000, 30)], "two": [(100, 80)]})
    svg = ET.fromstring(drawn)  # noqa: S314  our own
    assert len(svg.findall(".//{*}circle")) == 3
    assert "two" in [text.text for text in svg.findall(".//{*}text")]
