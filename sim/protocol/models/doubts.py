"""What a list of hosts and models makes doubtful before anything runs: groups that decide nothing, samples too large.

Expected weights stand for both the old and the new epoch, as if the network had been so all the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from sim.protocol.models.formed import Governance, Proved
from sim.protocol.models.forming import form_epoch_of_models
from sim.protocol.models.seating import NodeWeights, sum_by_model
from sim.protocol.models.stances import Stances
from sim.protocol.models.trusted_weight import OldEpoch

WHOLE_BPS = 10_000
DEFAULT_BPS = 5000


@dataclass(frozen=True)
class GroupDoubt:
    """A model whose hosts cannot do what it needs them for."""

    model: str
    n_members: int
    power: int
    """Of the group, delegations and clip included; 0 where the model is not eligible."""
    total: int
    """Weight of all hosts."""

    @property
    def is_eligible(self) -> bool:
        """Otherwise the model pays nothing at all."""
        return self.power > 0

    @property
    def share(self) -> Fraction:
        """The part of all weight that could vote on the group's claims."""
        return Fraction(self.power, self.total) if self.total else Fraction(0)


def find_doubtful_groups(
    expected: NodeWeights, stances: Stances, governance: Governance, vote_threshold_bps: int
) -> Iterator[GroupDoubt]:
    """Yield the models that are not eligible, and those whose whole group stays at or below the bar of votes.

    Such a group's claims are decided by guardians alone. `expected` are raw weights that hosts would prove.
    Reference: network 2.7, 2.9.
    """
    members = sum_by_model(expected)
    coefficients = {model.name: model.coefficient for model in governance.models}
    weights = {
        who: sum(int(coefficients.get(model, Fraction(0)) * sum(nodes.values())) for model, nodes in models.items())
        for who, models in expected.items()
    }
    before = OldEpoch(index=1, weights=weights, node_weights=expected, voting_powers=members, confirmed={}, scales=None)
    proved = Proved(epoch_index=2, fresh=expected, stances=stances)
    formed = form_epoch_of_models(before, proved, governance, lambda groups: groups.weights, None)
    if formed is None:
        return
    total, bar = sum(formed.cap_weights.values()), vote_threshold_bps or DEFAULT_BPS
    for model in sorted(coefficients):
        power = sum(formed.voting_powers.get(model, {}).values())
        if WHOLE_BPS * power <= bar * total:
            yield GroupDoubt(model, len(members.get(model, {})), power, total)


def find_small_claims(counts: Mapping[str, Mapping[str, float]], sample_size: int) -> Iterator[tuple[str, str, float]]:
    """Yield host, model and expected count of the claims that are smaller than the sample that checks them.

    `counts` are nonces by model and host. Such a claim is checked as a whole, so that a validator's work no longer
    grows with the sample. Reference: network 2.5.
    """
    for model, hosts in sorted(counts.items()):
        for who, count in sorted(hosts.items()):
            if 0 < count < sample_size:
                yield who, model, count
