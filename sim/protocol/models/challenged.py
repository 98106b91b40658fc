"""What the chain keeps of a challenge, from its opening to the settlement of its epoch (network 2.13)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from sim.protocol.consensus.transactions import SubmitValidation
from sim.protocol.models.challenge import ChallengeEnd, ChallengeParams, Segment, Stake
from sim.protocol.proofs.log import Log
from sim.protocol.proofs.slices import SliceCommit

PASSED = "passed"
SHORT = "too short to be judged"
LEFT = "left for another reason"


@dataclass(frozen=True)
class SegmentRun:
    """One segment of a challenge, from its first block to its verdict."""

    start: int
    """Its first block, and its key in messages."""
    seed_hash: str = ""
    """Hash of the block before, once it is there."""
    end: int | None = None
    """The block after its last one, once it is sealed: then votes are due."""
    held: Mapping[str, SliceCommit] = field(default_factory=dict)
    """Last commitments, by model."""
    votes: Log[SubmitValidation] = field(default_factory=Log)

    def plan(self, end: int, params: ChallengeParams) -> Segment:
        """Return its blocks as long as none seals it earlier."""
        return Segment(self.start, end if self.end is None else self.end, params)

    def count_by_slice(self, segment: Segment, model: str) -> dict[int, int]:
        """Return the counts committed for a model, by slice, each for the whole segment so far."""
        counts: dict[int, int] = {}
        held = self.held.get(model)
        while held is not None:
            counts[segment.find_slice(held.height)] = held.count
            held = held.earlier  # type: ignore[assignment]
        return counts


@dataclass(frozen=True)
class Challenge:
    """Who challenged whom, for how much, and how far it has come."""

    challenger: str
    target: str
    height: int
    """Of the block that took it."""
    stake: Stake
    per_block: Mapping[str, Fraction]
    """Artifacts per block that the target showed last, by model."""
    segment: SegmentRun | None
    """The one that runs or waits for votes; None after the last, and between the end of one and the next start."""
    n_passed: int = 0
    """Segments that have passed, short ones too."""
    end: ChallengeEnd | None = None
    reason: str = ""
    """Of the end; a segment's verdict, or its fault."""
    end_height: int = 0

    @property
    def is_running(self) -> bool:
        """A segment runs: the target computes, or should."""
        return self.end is None and self.segment is not None and self.segment.end is None

    @property
    def is_sealed(self) -> bool:
        """A segment is over and waits for its votes."""
        return self.end is None and self.segment is not None and self.segment.end is not None

    def close(self, end: ChallengeEnd, reason: str, height: int) -> Challenge:
        """Return it as it has ended."""
        return replace(self, end=end, reason=reason, end_height=height, segment=None)

    def go_on(self, start: int | None, seed_hash: str = "") -> Challenge:
        """A segment has passed: return it with the next one, which starts at a height; None: it was the last."""
        following = None if start is None else SegmentRun(start, seed_hash)
        return replace(self, segment=following, n_passed=self.n_passed + 1)


Challenges = Mapping[str, Challenge]
"""Those of the effective epoch, by target, ended ones too; one of a target at a time, and one an epoch [I]."""
