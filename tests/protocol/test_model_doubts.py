"""Doubts about hosts and models before a run: groups without enough votes, samples larger than a claim."""

from fractions import Fraction

from sim.protocol.models.doubts import find_doubtful_groups, find_small_claims
from sim.protocol.models.formed import Governance
from sim.protocol.models.params import GroupParams, ModelParams
from sim.protocol.models.stances import Stance, StanceKind
from sim.protocol.versions import VERSIONS

RULES = VERSIONS["v0.2.14"]
MODELS = (
    ModelParams(name="base", distance_threshold=0.4, is_initial=True),
    ModelParams(name="small", distance_threshold=0.4, coefficient=Fraction(2)),
    ModelParams(name="unserved", distance_threshold=0.4),
)
EXPECTED = {
    **{f"b{i}": {"base": {1: 100}} for i in range(6)},
    **{f"s{i}": {"small": {1: 50}} for i in range(4)},
}


def find(stances=None, bps: int = 5000) -> dict[str, tuple[int, int, int]]:
    governance = Governance(MODELS, GroupParams(), RULES)
    doubts = find_doubtful_groups(EXPECTED, stances or {}, governance, bps)
    return {doubt.model: (doubt.n_members, doubt.power, doubt.total) for doubt in doubts}


def test_a_group_below_the_bar_lives_by_guardians_alone() -> None:
    """Four hosts of 100 in 1000 are no half; with two delegators 600, of which the clip at 180 leaves 560."""
    assert find() == {"small": (4, 400, 1000), "unserved": (0, 0, 1000)}
    lent = {"small": {"b0": Stance(StanceKind.DELEGATES, "s0"), "b1": Stance(StanceKind.DELEGATES, "s1")}}
    assert find(lent) == {"unserved": (0, 0, 1000)}
    assert find(lent, 6000).keys() == {"base", "small", "unserved"}
    assert find(lent, 6667) == {"base": (6, 600, 1000), "small": (4, 560, 1000), "unserved": (0, 0, 1000)}


def test_sample_larger_than_a_claim() -> None:
    counts = {"m": {"a": 199.5, "b": 200.0, "idle": 0.0}, "n": {"a": 7.0}}
    assert list(find_small_claims(counts, 200)) == [("a", "m", 199.5), ("a", "n", 7.0)]
