import pickle

import pytest

from sim.errors import Mistake, ScenarioError, UserError, did_you_mean


@pytest.mark.parametrize(
    ("word", "known", "text"),
    [
        ("cuont", ["count", "name"], ' Did you mean "count"? Known: count, name.'),
        ("H100", ["H100-SXM", "H20", "H200", "H100-PCIe"], ' Did you mean "H100-PCIe" or "H100-SXM"?'),
        ("europe", ["EUROPE", "JAPAN"], ' Did you mean "EUROPE"? Known: EUROPE, JAPAN.'),
        ("zzz", ["b", "a"], " Known: a, b."),
        ("", ["b", "a"], " Known: a, b."),
        ("x", [], ""),
    ],
)
def test_did_you_mean(word, known, text):
    assert did_you_mean(word, known).startswith(text)


def test_mistakes_print_their_place():
    assert str(Mistake("a.yaml", 3, 5, "hosts.0.count", "wrong")) == "a.yaml:3:5: hosts.0.count: wrong"
    assert str(Mistake("a.yaml", None, None, "", "missing")) == "a.yaml: missing"
    assert str(Mistake("--set epochs=x", None, None, "epochs", "wrong")) == "--set epochs=x: epochs: wrong"


def test_scenario_error_sorts_and_drops_repetitions():
    first, second = Mistake("a.yaml", 2, 9, "x", "one"), Mistake("a.yaml", 10, 1, "y", "two")
    option = Mistake("--set x=1", None, None, "x", "three")
    error = ScenarioError([option, second, first, second])
    assert error.mistakes == (first, second, option)
    assert str(error) == f"{first}\n{second}\n{option}"


def test_scenario_error_is_the_users_and_crosses_processes():
    error = ScenarioError([Mistake("a.yaml", 2, 9, "x", "one")])
    assert isinstance(error, UserError)
    assert error.exit_status == 2
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.mistakes, str(copy)) == (error.mistakes, str(error))
