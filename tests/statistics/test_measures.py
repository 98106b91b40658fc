"""A run's measures: by hand, by the summary, by brute force."""

import itertools
import math
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sim
from sim.errors import UserError
from sim.metrics.frames import Frames, build_frames
from sim.metrics.measures import (
    FAILED,
    Law,
    MeasureCatalogue,
    NoValueError,
    RunMeasure,
    compute_interval,
    make_measure,
    run_measures,
    take_measures,
)
from sim.metrics.own_measures.runs import compute_gini, compute_nakamoto_coefficient, compute_small_reward_cv
from sim.metrics.recorder import Recorder
from sim.protocol.proofs.votes import Reason
from sim.results import Result

WEIGHTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=12).filter(any)


@pytest.fixture
def frames() -> dict[str, pd.DataFrame]:
    """Two epochs, small enough to check by hand: an honest pair and a cheater."""
    claims = [
        (1, "a", "honest", True, "accepted", 6, 60, 8, 200),
        (1, "b", "honest", False, "no seed", 0, 7, 7, 100),
        (1, "c", "overclaim", True, "accepted", 2, 20, 16, 100),
        (2, "a", "honest", True, "accepted", 5, 33, 8, 200),
        (2, "b", "honest", True, "accepted", 5, 27, 5, 100),
        (2, "c", "overclaim", False, "voted invalid", 0, 9, 30, 100),
        (2, "d", "honest", False, str(Reason.NO_CLAIM), 0, 0, 0, 0),
    ]
    epochs = {
        **{"epoch": [1, 2], "tried": [100, 300], "valid": [40, 60], "hit_probability": [0.4, 0.2]},
        **{
            "difficulty": [2.5, 5.0],
            "gossip_delay_median_seconds": [0.1, math.nan],
            "computed": [9, 8],
            "shared": [1, 2],
        },
    }
    names = ["epoch", "participant", "strategy", "is_accepted", "reason", "weight", "counted_nonces"]
    names += ["claimed_weight", "work_operations"]
    return {
        "epochs": pd.DataFrame(epochs),
        "participants": pd.DataFrame(claims, columns=names),
        "difficulty": pd.DataFrame({"epoch": [1, 2, 3], "measured": [80, 60, 50], "setpoint": [40.0] * 3}),
        "validation_summary": pd.DataFrame({"n_participants": [3, 1], "n_out_of_time": [1, 0], "n_checked": [24, 0]}),
        "transactions": pd.DataFrame(
            {"height": [5] * 8 + [None] * 2, "fate": ["included"] * 7 + ["late", "lost", "refused"], "size_bytes": 50}
        ),
        "payments": pd.DataFrame(
            {"participant": ["c", "a", "c"], "kind": ["slashed", "reward", "slashed"], "amount_ngonka": [7, 60, 3]}
        ),
        "rewards": pd.DataFrame(
            {"epoch": [1, 1, 2, 2], "participant": ["a", "c", "a", "b"], "reward_ngonka": [60, 40, 50, 30]}
        ),
    }


def measure_all(frames: Frames) -> dict[str, float]:
    """Every registered measure by name; NaN where it has no value."""
    found = take_measures(frames, run_measures.choose()).values
    return {name: found.get(name, math.nan) for name in run_measures.names()}


def test_by_hand(frames) -> None:
    assert measure_all(frames) == pytest.approx(
        {
            "nonces_tried": 400,
            "nonces_valid": 100,
            "success_rate": 0.25,
            "success_rate_exact": (0.4 * 100 + 0.2 * 300) / 400,
            "claims_accepted": 4,
            "claims_rejected": 2,
            "honest_claims_rejected": 1,
            "honest_rejected_share": 1 / 4,
            "cheater_accepted_share": 1 / 2,
            "cheater_rejected_share": 1 / 2,
            "accepted_nonces_mean": (80 + 60 + 0) / 3,
            "accepted_nonces_sd": np.std([80, 60, 0], ddof=1),
            "difficulty_last": 5.0,
            "controller_error": (0.5 + 0.25) / 2,
            "gossip_delay_median_seconds": 0.1,
            "weight_gini": 0.0,
            "nakamoto_third": 1,
            "nakamoto_half": 2,
            "votes_out_of_time_share": 1 / 4,
            "transactions_late_share": 1 / 8,
            "distances_computed": 17,
            "distances_shared": 3,
            "chain_load_bytes": 8 * 50 / 2,
            "validation_cost": 24 / 400,
            "small_reward_cv": math.sqrt(2.0),  # b is the lighter one of a and b: 0, then 30
            "cheater_gain": (16 / 200) / ((8 + 8 + 5) / 600),
            "cheater_coins_per_work": ((40 - 10) / 200) / ((60 + 50 + 30) / 600),
            "cheater_weight_share": (2 / 8 + 0) / 2,
            "cheater_weight_share_last": 0.0,
            "detection_delay_epochs": 1.0,
            "cheaters_undetected_share": 0.0,
            "honest_weight_lost": 7 / 28,
            **dict.fromkeys(("rejected_no_record", "rejected_no_member_voted", "rejected_no_weight"), 0.0),
            **dict.fromkeys(("rejected_no_validator_key", "rejected_no_quorum"), 0.0),
            "rejected_voted_invalid": 1 / 6,
            "rejected_no_seed": 1 / 6,
        }
    )


def test_agrees_with_the_summary_of_a_run(small: Result) -> None:
    found = measure_all(small.frames)
    assert tuple(found) == run_measures.names()
    for name in found.keys() & small.summary.keys():
        assert found[name] == pytest.approx(small.summary[name]), name
    assert len(found.keys() & small.summary.keys()) >= 9
    assert found["cheater_accepted_share"] == 0.0
    assert found["votes_out_of_time_share"] > 0


@pytest.mark.parametrize(
    "target",
    [{"success_rate": 0.1}, {"blocks_until_quota": 2.0, "quota": 100}, {"checked_nonces_per_validator": 100.0}],
    ids=lambda target: next(iter(target)),
)
def test_accepted_nonces_are_nonces_whatever_is_controlled(target: dict[str, float]) -> None:
    overrides = {"work.kind": "sphere", "difficulty": {"kind": "proportional", "target": target}}
    result = sim.run("tests/data/small.yaml", overrides=overrides)
    by_epoch = [0] * len(result.difficulty)
    for row in result.participants.itertuples():
        by_epoch[row.epoch - 1] += row.counted_nonces if row.is_accepted else 0
    found = measure_all(result.frames)
    assert min(by_epoch) > 0
    assert found["accepted_nonces_mean"] == pytest.approx(np.mean(by_epoch))
    assert found["accepted_nonces_sd"] == pytest.approx(np.std(by_epoch, ddof=1))


def test_the_words_are_those_of_the_simulation() -> None:
    from sim.metrics.cheaters import HONEST
    from sim.metrics.records import ABSTAINED, FRAUD, VALID, VOTES
    from sim.metrics.validations import ABSTAINED_CODE, FRAUD_CODE, VALID_CODE
    from sim.strategies import strategies

    assert [VOTES[code] for code in (VALID_CODE, FRAUD_CODE, ABSTAINED_CODE)] == [VALID, FRAUD, ABSTAINED]
    assert strategies.describe().keys() >= HONEST


def test_a_run_without_events_has_no_shares() -> None:
    found = measure_all(build_frames(Recorder()))
    assert found["nonces_tried"] == 0
    assert math.isnan(found["success_rate"])
    assert math.isnan(found["weight_gini"])


def test_without_setpoint_or_cheaters(frames) -> None:
    honest = frames["participants"].query("strategy == 'honest'")
    decisions = frames["difficulty"].assign(setpoint=np.nan).iloc[:1]
    found = measure_all({**frames, "participants": honest, "difficulty": decisions})
    of_cheaters = ("cheater_accepted_share", "cheater_rejected_share", "cheater_gain", "cheater_coins_per_work")
    of_delays = ("detection_delay_epochs", "cheaters_undetected_share")
    for name in ("controller_error", "accepted_nonces_sd", *of_cheaters, *of_delays):
        assert math.isnan(found[name]), name


def test_small_rewards_by_hand() -> None:
    """Mean weights 1, 2 and 9, a cheater, a host without weight; s comes in epoch 2, and epoch 4 is not settled."""
    weights = {"s": (None, 1, 1, 1), "m": (2, 2, 2, 2), "l": (9, 9, 9, 9), "liar": (1, 1, 1, 1), "idle": (0, 0, 0, 0)}
    rows = [
        (epoch, who, "cheat" if who == "liar" else "honest", weight)
        for who, each in weights.items()
        for epoch, weight in enumerate(each, 1)
        if weight is not None
    ]
    participants = pd.DataFrame(rows, columns=["epoch", "participant", "strategy", "weight"])
    paid = [
        (1, "m", 20),
        (2, "m", 20),
        (3, "m", 20),
        (2, "s", 10),
        (1, "l", 90),
        (2, "l", 5),
        (1, "liar", 7),
        (3, "l", 1),
    ]
    rewards = pd.DataFrame(paid, columns=["epoch", "participant", "reward_ngonka"])
    of_s, of_m = math.sqrt(50) / 5, 0.0  # of (10, 0) and of (20, 20, 20)
    assert compute_small_reward_cv(participants, rewards) == pytest.approx((of_s + of_m) / 2)
    assert math.isnan(compute_small_reward_cv(participants, rewards[rewards["epoch"] == 1]))
    assert math.isnan(compute_small_reward_cv(participants[:0], rewards[:0]))


@pytest.mark.parametrize(
    ("weights", "gini"), [([5, 5, 5, 5], 0.0), ([0, 0, 0, 1], 0.75), ([1, 2, 3, 4], 0.25), ([0, 2], 0.5), ([7], 0.0)]
)
def test_gini_by_hand(weights: list[int], gini: float) -> None:
    assert compute_gini(weights) == pytest.approx(gini, abs=1e-15)


@given(WEIGHTS)
def test_gini_by_its_definition(weights: list[int]) -> None:
    n, mean = len(weights), sum(weights) / len(weights)
    differences = sum(abs(a - b) for a in weights for b in weights)
    assert compute_gini(weights) == pytest.approx(differences / (2 * n * n * mean), abs=1e-12)


@given(WEIGHTS, st.sampled_from([2, 3]))
def test_nakamoto_by_brute_force(weights: list[int], denominator: int) -> None:
    sizes = (
        size
        for size in range(1, len(weights) + 1)
        if any(denominator * sum(group) > sum(weights) for group in itertools.combinations(weights, size))
    )
    assert compute_nakamoto_coefficient(weights, denominator) == next(sizes)


def test_a_share_must_be_exceeded() -> None:
    assert compute_nakamoto_coefficient([1, 1, 1], 3) == 2
    assert compute_nakamoto_coefficient([1, 1], 2) == 2
    assert math.isnan(compute_nakamoto_coefficient([], 2))
    assert math.isnan(compute_gini([0, 0]))


def test_each_measure_has_the_interval_of_its_law() -> None:
    values = np.random.default_rng(1).random(25)
    assert compute_interval(run_measures.get("success_rate"), values).method == "t"
    assert compute_interval(run_measures.get("cheater_accepted_share"), np.round(values)).method == "Wilson"
    assert compute_interval(run_measures.get("controller_error"), values).method == "bootstrap-t"


# The contract: these run over every registered measure, and so over the next one that is registered.


@pytest.fixture(params=run_measures.names())
def measure(request: pytest.FixtureRequest) -> RunMeasure:
    return run_measures.get(request.param)


def test_a_measure_is_described(measure: RunMeasure) -> None:
    assert run_measures.get(measure.name) is measure
    assert isinstance(measure.law, Law)
    assert measure.unit in {"", "nonces", "tries", "s", "bytes"}, "the unit of a frame's column"
    assert measure.meaning[0].isupper() or measure.meaning.split()[0].isidentifier() or measure.meaning[0].isdigit()
    assert 10 < len(measure.meaning) <= 110, "one sentence"
    assert run_measures.describe()[measure.name].startswith(measure.meaning)


def test_a_measure_is_finite_or_missing_with_a_reason(measure: RunMeasure, small: Result) -> None:
    for frames in (small.frames, build_frames(Recorder())):
        before = {name: frame.copy() for name, frame in frames.items()}
        found = take_measures(frames, [measure])
        if measure.name in found.values:
            assert math.isfinite(found.values[measure.name])
            assert not found.missing
        else:
            assert list(found.missing) == [measure.name]
            assert len(found.missing[measure.name]) > 10
            assert not found.missing[measure.name].startswith(FAILED), "no measure fails on a run without events"
        for name, frame in frames.items():
            pd.testing.assert_frame_equal(frame, before[name])


def test_a_measure_gives_the_same_number_again(measure: RunMeasure, small: Result) -> None:
    assert take_measures(small.frames, [measure]) == take_measures(small.frames, [measure])


def test_a_share_lies_between_0_and_1(measure: RunMeasure, small: Result) -> None:
    if measure.law is Law.SHARE:
        assert 0 <= take_measures(small.frames, [measure]).values.get(measure.name, 0) <= 1


def test_a_measure_crosses_processes_by_its_name(measure: RunMeasure) -> None:
    assert pickle.loads(pickle.dumps(measure)) is measure


# What a measure of one's own may do wrong


def _find(compute: Any, frames: dict[str, pd.DataFrame]) -> tuple[dict[str, float], dict[str, str]]:
    found = take_measures(frames, [make_measure(compute, "mine")])
    return found.values, found.missing


def test_numbers_of_all_kinds_are_numbers(frames) -> None:
    for number in (3, 3.0, np.int64(3), np.float32(3), frames["epochs"]["tried"].iloc[0] * 0 + 3):
        values, missing = _find(lambda _, number=number: number, frames)
        assert (values, missing) == ({"mine": 3.0}, {})
        assert type(values["mine"]) is float, "JSON and Parquet know no NumPy"


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        ("abc", "failed: TypeError: it returned 'abc', which is no number"),
        (None, "failed: TypeError: it returned None, which is no number"),
        (True, "failed: TypeError: it returned True, which is no number"),
        (1j, "failed: TypeError: it returned 1j, which is no number"),
        (np.array([1.0]), "failed: TypeError: it returned array([1.]), which is no number"),
        (math.nan, "it is nan"),
        (-math.inf, "it is -inf"),
    ],
    ids=str,
)
def test_what_is_no_number_is_missing_with_its_reason(frames, returned: object, reason: str) -> None:
    assert _find(lambda _: returned, frames) == ({}, {"mine": reason})


def test_a_measure_that_raises_is_missing_with_its_reason(frames) -> None:
    def refuse(_: object) -> float:
        raise NoValueError("nobody mined")

    assert _find(lambda frames: frames["epocs"].size, frames) == ({}, {"mine": "failed: KeyError: 'epocs'"})
    assert _find(lambda _: 1 / 0, frames) == ({}, {"mine": "failed: ZeroDivisionError: division by zero"})
    assert _find(refuse, frames) == ({}, {"mine": "nobody mined"})


def test_one_missing_measure_costs_no_other(frames) -> None:
    chosen = [make_measure(lambda _: 1 / 0, "broken"), run_measures.get("nonces_tried")]
    assert take_measures(frames, chosen).values == {"nonces_tried": 400}


def test_measures_are_chosen_by_name_or_function() -> None:
    from sim.metrics.own_measures import runs

    def mine(_: object) -> float:
        return 1.0

    chosen = run_measures.choose(["weight_gini", runs.success_rate, mine, mine])
    assert [measure.name for measure in chosen] == ["weight_gini", "success_rate", "mine"]
    assert chosen[1] is run_measures.get("success_rate")
    assert (chosen[2].law, chosen[2].unit, chosen[2].meaning) == (Law.UNKNOWN, "", "")
    assert run_measures.choose() == tuple(run_measures.get(name) for name in run_measures.names())


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (["weight_ginny"], 'unknown measure "weight_ginny". Did you mean "weight_gini"'),
        ([3], "must be names or functions of a result's frames, not 3"),
        ([lambda frames: 1.0], 'a measure called "<lambda>": a name is needed'),
        ([make_measure(lambda _: 1.0, "twin").compute, "weight_gini"], "a name is needed"),
    ],
    ids=["unknown", "number", "lambda", "lambda with others"],
)
def test_wrong_choices_of_measures_are_told(wanted: list[Any], words: str) -> None:
    with pytest.raises(UserError) as caught:
        run_measures.choose(wanted)
    assert words in str(caught.value)


def test_two_functions_of_one_name_are_told() -> None:
    def success_rate(_: object) -> float:
        return 1.0

    with pytest.raises(UserError, match='two of them are called "success_rate"'):
        run_measures.choose(["success_rate", success_rate])


def test_a_measure_is_registered_with_a_sentence_and_a_free_name() -> None:
    catalogue = MeasureCatalogue("measure", "powsim.no_such_group")

    @catalogue.register(unit="coins", law="mean")
    def income(frames: object) -> float:
        """Coins that were paid.

        More text, which no list shows.
        """
        return 1.0

    assert income({}) == 1.0
    assert catalogue.describe() == {"income": "Coins that were paid, in coins"}
    assert catalogue.get("income").law is Law.MEAN
    with pytest.raises(TypeError, match="in one sentence"):
        catalogue.register("silent")(lambda _: 1.0)
    with pytest.raises(ValueError, match="registered twice"):
        catalogue.register("income")(compute_gini)
    with pytest.raises(ValueError, match="not a valid Law"):
        catalogue.register(law="gaussian")


def test_measures_of_others_come_after_powsims_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_measures, "_plugins", dict(run_measures._plugins))
    for name in ("zebra", "aardvark"):

        def compute(_: object) -> float:
            """Number of stripes."""
            return 1.0

        run_measures.register(name)(compute)
    assert run_measures.names()[-2:] == ("aardvark", "zebra")
    assert run_measures.names()[0] == "nonces_tried"
