"""Tables of pairs and of rates: the shipped ones, and mistakes in a user's own."""

from pathlib import Path

import numpy as np
import pytest

from sim.errors import UserError
from sim.work.pair_laws import Defect, PairLaw
from sim.work.rates import get_nonces_per_second
from sim.work.stacks import get_default_stack, load_pairs, load_shipped_pairs

MINIMAX = "MiniMax-M2.7"


def test_shipped_pairs_are_symmetric_and_zero_inside_a_stack() -> None:
    pairs = load_shipped_pairs()
    assert sum(len(pair) == 2 for _, pair in pairs.laws) == 224
    for model in pairs.models:
        for a in pairs.list_stacks(model):
            assert pairs.get_law(model, a, a).share_above(0.0) == 0.0
    ours = pairs.get_law(MINIMAX, "H100 2026-05", "A100 2026-05")
    assert ours is pairs.get_law(MINIMAX, "A100 2026-05", "H100 2026-05")
    assert float(ours.draw(np.array([0.5]))[0]) == pytest.approx(0.295, abs=0.003)  # as published
    assert pairs.find_problem("GLM-5.3-Flash", ["any card", "another"]) is None  # assumed alike for all


def test_laws_pass_through_their_knots() -> None:
    law = PairLaw.of_knots([(1.0, 1.0), (0.2, 0.5), (0.6, 0.9)])
    assert law.draw(np.array([0.0, 0.25, 0.5, 0.95, 1.0])).tolist() == pytest.approx([0.0, 0.1, 0.2, 0.8, 1.0])
    assert [law.share_above(r) for r in (0.0, 0.4, 0.6, 2.0)] == pytest.approx([1.0, 0.3, 0.1, 0.0])
    raised = law.at_least(PairLaw.of_knots([(0.3, 1.0)]), 0.75)
    assert [raised.share_above(r) for r in (0.3, 0.6, 0.1)] == pytest.approx([0.25, 0.1, 0.75])


@pytest.mark.parametrize("share", [0.01, 0.2, 0.3, 0.6])
def test_places_of_a_batch_keep_the_share_of_all(share: float) -> None:
    defect = Defect.of_counts([50, 31, 1, 1, 0, 1, 2, 1], 496)
    assert defect.shares[2:].max() == 0.0
    split = defect.split(share)
    assert split.mean() == pytest.approx(share)
    assert 0.0 <= split.min() < split[1] < split[0] <= 1.0


def test_stacks_are_named_after_cards() -> None:
    names = [get_default_stack(gpu) for gpu in ("H100-SXM", "A100-PCIe-40", "B300", "RTX-PRO-6000")]
    assert names == ["H100 2026-05", "A100 2026-05", "B300 2026-05", "RTX-PRO-6000 2026-05"]


@pytest.mark.parametrize(
    ("model", "stacks", "message"),
    [
        (
            MINIMAX,
            ["H100 2026-05", "H20 2026-05"],
            'unknown stack "H20 2026-05" for MiniMax-M2.7. Did you mean "H200 2026',
        ),
        (
            MINIMAX,
            ["H100 2026-05", "RTX-PRO-6000 2026-04"],
            'stack "H100 2026-05" was never compared with "RTX-PRO-6000',
        ),
        ("MiniMax", ["a", "b"], 'no two stacks are compared for the model "MiniMax". Did you mean "MiniMax-M2.7"?'),
    ],
)
def test_missing_pairs_are_told_with_the_nearest(model: str, stacks: list[str], message: str) -> None:
    problem = load_shipped_pairs().find_problem(model, stacks)
    assert problem is not None
    assert message in problem
    with pytest.raises(UserError) as caught:
        load_shipped_pairs().get_law(model, *stacks)
    assert str(caught.value) == problem


def test_a_users_table_may_say_any(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(
        "model,a,b,p50,max,share_above_0.4\nM,x,y,0.2,0.5,\nM,x,*,0.3,,0.1\nM,*,*,,1,0.5\n", encoding="utf-8"
    )
    pairs = load_pairs(file)
    shares = [pairs.get_law("M", *pair).share_above(0.4) for pair in (("y", "x"), ("x", "z"), ("y", "z"), ("y", "y"))]
    assert shares == pytest.approx([1 / 6, 0.1, 0.5, 0.0])
    assert (pairs.source, pairs.models, pairs.list_stacks("M")) == ("mine.csv", ("M",), ("x", "y"))


HEADER = "model,a,b,p50,p90\n"


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("", ['1:1: the header has no column "model"']),
        ("model,a,b\n", ["1:1: the header has no quantile; name one like p50"]),
        (
            "model,a,b,p50,source_,p50\n",
            ['1:15: unknown column "source_". Did you mean "source"?', '1:23: the column "p50" stands'],
        ),
        (HEADER, ["lists no pair of stacks"]),
        (HEADER + "M,x,y,0.1\n", ["2:1: 4 cells; the header has 5"]),
        (
            HEADER + "M,x,x,1,1\n\nM,,y,q,3\n",
            ['2:5: "x" agrees', "4:3: the a is empty", '4:6: "q" is no', "4:8: 3 must be"],
        ),
        (HEADER + "M,x,y,0.2,0.1\nM,x,y,,\n", ["2:1: a higher quantile lies nearer", "3:1: no quantile is known"]),
        (HEADER + "M,x,y,0.1,\nM,y,x,0.1,\n", ["3:3: x and y stand twice for M"]),
    ],
)
def test_mistakes_in_a_users_table_have_their_places(text: str, mistakes: list[str], tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_pairs(file)
    lines = [line for line in str(caught.value).splitlines() if text or '"model"' in line]
    assert len(lines) == len(mistakes)
    for line, mistake in zip(lines, mistakes, strict=True):
        assert line.startswith(str(file))
        assert mistake in line


@pytest.mark.parametrize(
    ("model", "gpu", "per_minute"),
    [
        (MINIMAX, "H100-SXM", 2368 / 4),
        (MINIMAX, "A100-PCIe-40", 896 / 4),  # not the faster quantisation that the network refuses
        ("GLM-5.3-Flash", "H100-PCIe", 448 / 8),
        ("GLM-5.3-Flash", "H100-SXM", 1612 / 8),
        ("DeepSeek-V4-Flash-0731", "H200", 1216 / 2),
    ],
)
def test_published_rates(model: str, gpu: str, per_minute: float) -> None:
    assert get_nonces_per_second(model, gpu) == pytest.approx(per_minute / 60)


@pytest.mark.parametrize(
    ("model", "gpu", "message"),
    [
        ("MiniMax-M2.5", "H200", 'no rate is published for the model "MiniMax-M2.5". Did you mean "MiniMax-M2.7"?'),
        (MINIMAX, "H20", 'no rate is published for MiniMax-M2.7 on "H20". Did you mean "H200"? Known: A100, B200'),
    ],
)
def test_unknown_rates_are_told(model: str, gpu: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        get_nonces_per_second(model, gpu)
    assert message in str(caught.value)
