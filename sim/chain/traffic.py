"""Service of hosts between two proofs of compute, drawn instead of simulated: requests, and weight shown again.

A block that ends an epoch carries an `InferenceTally`, which stands for all transactions about the epoch's requests.
Each request goes to a member by weight; whether the member misses it, answers wrongly, or skips a validation that it
owes is drawn at its host's rates. The last block of a confirmation carries what each host still shows of its weight.
Every draw is from a stream of its own, by epoch and participant.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

from sim.protocol.blocks.formation import get_model_weights, list_governance_models
from sim.protocol.blocks.params import ProtocolParams
from sim.protocol.blocks.state import ChainState
from sim.protocol.proofs.confirmation import ConfirmationTally
from sim.protocol.service.inferences import Inference, InferenceTally, compute_tokens_per_window
from sim.scenario.schema import Scenario
from sim.streams import Streams


class InferenceTraffic:
    """Draws the inference requests of one run, and how hosts serve them: at the rates of their groups."""

    def __init__(self, scenario: Scenario, params: ProtocolParams, streams: Streams) -> None:
        self._config = scenario.inference
        self._block_seconds = scenario.protocol.block_time
        self._groups = {address: group for group in scenario.hosts for address in group.addresses}
        self._params = params
        self._streams = streams
        self._shown: dict[tuple[str, int], float] = {}
        """(host, last block of a confirmation) -> share of its weight that it has decided to show"""

    def show_weight(self, who: str, end_height: int, share: float) -> None:
        """Let a host show this share of its weight in one confirmation, instead of its group's share."""
        self._shown[who, end_height] = share

    def draw_inferences(self, state: ChainState, height: int) -> InferenceTally | None:
        """Return the epoch's requests if a block of this height is its last one; `state` is the one before it."""
        schedule, config = replace(state.schedule, params=self._params.epoch_at(height)), self._config
        if not schedule.ends_at(height) or not config.requests_per_epoch or state.effective.index != schedule.index:
            return None
        inferences = self._draw_requests(state)
        tokens = Counter(inference.model for inference in inferences if not inference.is_missed)
        seconds = schedule.params.epoch_length * self._block_seconds
        window = self._params.pricing.utilization_window
        return InferenceTally(
            epoch_index=schedule.index,
            inferences=inferences,
            skipped=self._draw_skipped(schedule.index, inferences),
            tokens_per_request=config.tokens_per_request,
            tokens_per_window={
                model: compute_tokens_per_window(n * config.tokens_per_request, seconds, window)
                for model, n in sorted(tokens.items())
            },
        )

    def get_share(self, who: str, end_height: int) -> float:
        """Return the share of its weight that a host shows in the confirmation that ends at this height."""
        return self._shown.get((who, end_height), self.get_group_share(who))

    def get_group_share(self, who: str) -> float:
        """Return the share that the hosts of its group show."""
        return self._groups[who].confirmed_share

    def draw_confirmation(self, state: ChainState, height: int) -> ConfirmationTally | None:
        """Return the weights that hosts show if a confirmation ends at this height, without those that show none.

        None also where hosts compute in confirmations.
        """
        if state.confirmation.end_height != height or state.confirmation_run is not None:
            return None
        shown = {
            who: math.trunc(self.get_share(who, height) * weight) for who, weight in state.confirmation.initial.items()
        }
        return ConfirmationTally({who: weight for who, weight in shown.items() if weight > 0})

    def _draw_requests(self, state: ChainState) -> tuple[Inference, ...]:
        schedule = state.schedule
        models = get_model_weights(state, list_governance_models(self._params.rules_at(schedule.index)))
        members = [(who, model, weight) for model, served in models.items() for who, weight in served.items()]
        if not members:
            return ()
        total = sum(weight for _, _, weight in members)
        generator = self._streams.of_a_time("inference", "requests", schedule.index)
        shares = [weight / total for _, _, weight in members]
        counts = generator.multinomial(self._config.requests_per_epoch, shares).tolist()
        inferences: list[Inference] = []
        for (who, model, _), n_requests in zip(members, counts, strict=True):
            inferences += self._draw_service(who, model, n_requests, state)
        return tuple(sorted(inferences, key=lambda inference: inference.created_height))

    def _draw_service(self, who: str, model: str, n_requests: int, state: ChainState) -> list[Inference]:
        schedule, group = state.schedule, self._groups[who]
        generator = self._streams.of_a_time("inference", who, schedule.index)
        heights = generator.integers(schedule.set_validators, schedule.next_start, n_requests).tolist()
        missed = (generator.random(n_requests) < group.miss_rate).tolist()
        invalid = (generator.random(n_requests) < group.invalid_rate).tolist()
        return [
            Inference(f"{schedule.index}/{who}/{number}", model, who, height, is_missed, not is_invalid)
            for number, (height, is_missed, is_invalid) in enumerate(zip(heights, missed, invalid, strict=True))
        ]

    def _draw_skipped(self, epoch_index: int, inferences: tuple[Inference, ...]) -> dict[str, frozenset[str]]:
        skipped = {}
        for who, group in self._groups.items():
            if group.skip_rate > 0:
                draws = self._streams.of_a_time("inference", who, "skipped", epoch_index).random(len(inferences))
                chosen = zip(inferences, (draws < group.skip_rate).tolist(), strict=True)
                skipped[who] = frozenset(inference.inference_id for inference, is_skipped in chosen if is_skipped)
        return skipped
