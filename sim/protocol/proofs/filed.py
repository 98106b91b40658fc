"""Messages that list nonces, as the chain files them: in the order of their blocks, one for each (creator, key)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Generic, Protocol, Self, TypeVar

from sim.protocol.proofs.base import CountedClaim, Episode, Hardware, NodeClaim, ProofObservation, ProofRules
from sim.protocol.proofs.claimed import ClaimedNonces, gather_claims
from sim.protocol.proofs.log import Log
from sim.protocol.proofs.tries import count_arrivals, estimate_success_rate
from sim.protocol.proofs.weights import NodeId, count_batches, weigh_batches


class Listing(Protocol):
    """A message that lists nonces, with a key of its own."""

    @property
    def creator(self) -> str:
        """Address of the sender."""

    @property
    def storage_key(self) -> str:
        """A later message of the same creator with the same key stands in the earlier one's place."""

    @property
    def claims(self) -> Sequence[NodeClaim]:
        """Its claims, by ML node."""


M = TypeVar("M", bound=Listing)


@dataclass(frozen=True)
class Filed(Generic[M]):
    """Immutable; a message more costs as much as itself. A scheme's store adds `take` to it."""

    messages: Log[M] = field(default_factory=Log)
    """As taken."""
    heights: Log[int] = field(default_factory=Log)
    """Block that took each of these, in the same order."""

    def added(self, message: M, height: int) -> Self:
        """Return the file with one message more."""
        return type(self)(self.messages.extended([message]), self.heights.extended([height]))

    @cached_property
    def by_participant(self) -> Mapping[str, tuple[M, ...]]:
        """The messages of each participant, by address; inside one, by key. Reference: protocol 4.1."""
        filed = {(message.creator, message.storage_key): message for message in self.messages}
        grouped: dict[str, list[M]] = {}
        for creator, key in sorted(filed):
            grouped.setdefault(creator, []).append(filed[creator, key])
        return {creator: tuple(messages) for creator, messages in grouped.items()}

    @cached_property
    def participants(self) -> tuple[str, ...]:
        """Addresses with a message, ascending."""
        return tuple(self.by_participant)

    @cached_property
    def _listed(self) -> Mapping[str, list[NodeClaim]]:
        return {
            who: [claim for message in messages for claim in message.claims]
            for who, messages in self.by_participant.items()
        }

    def read_claims(self, episode: Episode, threshold: float) -> ClaimedNonces:
        """Return all listed nonces, a participant's by the keys of its messages. Reference: protocol 4.1."""
        listed = [
            (who, [(each.public_key, tuple(each.nonces)) for each in claims]) for who, claims in self._listed.items()
        ]
        return gather_claims(listed, episode.block_hash, threshold)

    def count_claims(self, rules: ProofRules, episode: Episode) -> dict[str, CountedClaim]:
        """Count and scale every participant's nonces, by address. Reference: protocol 5.1."""
        return {who: _count_claim(claims, rules) for who, claims in self._listed.items()}

    def observe(
        self, accepted: Collection[str], hardware: Hardware, episode: Episode, rules: ProofRules
    ) -> ProofObservation:
        """Estimate the tries behind the nonces of the accepted, and say when these came."""
        filed = zip(self.messages, self.heights, strict=True)
        heights = {(message.creator, message.storage_key): height for message, height in filed}
        own = {who: messages for who, messages in self.by_participant.items() if who in accepted}
        taken = [
            [(heights[who, each.storage_key], tuple(claim.nonces)) for each in messages for claim in each.claims]
            for who, messages in own.items()
        ]
        return ProofObservation(
            success_rate=estimate_success_rate(
                {who: _list_by_node(self._listed[who], rules) for who in own},
                {who: max((node.node_id for node in nodes), default=1) for who, nodes in hardware.items()},
            ),
            arrivals=count_arrivals(
                taken,
                episode.start_height,
                max([episode.last_claim, *heights.values()]),  # governance may have shortened the window
                counts_duplicates=rules.counts_duplicates,
            ),
        )


def _list_by_node(claims: Sequence[NodeClaim], rules: ProofRules) -> list[tuple[NodeId, tuple[int, ...]]]:
    """Return each claim's ML node with its nonces; v0.2.0 forgets the node. Reference: protocol 3.1."""
    return [(claim.node_id if rules.stores_node_ids else None, tuple(claim.nonces)) for claim in claims]


def _count_claim(claims: Sequence[NodeClaim], rules: ProofRules) -> CountedClaim:
    listed = _list_by_node(claims, rules)
    batches = count_batches(listed, counts_duplicates=rules.counts_duplicates)
    return CountedClaim(
        claimed_nonces=sum(len(nonces) for _, nonces in listed),
        distinct_nonces=len({nonce for _, nonces in listed for nonce in nonces}),
        counts=weigh_batches(batches, Fraction(1)),
        node_weights=weigh_batches(batches, rules.weight_scale, truncates_by_node=rules.truncates_by_node),
    )
