"""The switches that the rules read: each a difference between versions of the network, or a what-if.

Which version has which value stands in `sim.protocol.versions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from sim.protocol.models.params import ModelParams
from sim.protocol.proofs import schemes
from sim.protocol.proofs.base import ProofScheme
from sim.registry import PluginOf


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The switches that the rules read. A limit, a share or a chance of 0 means that the rule is off.

    Those with a default are what-ifs: repairs that the network discussed, and a defect that it mended. They are off in
    every version.
    """

    version: str
    """Version whose column this is; overridden switches do not change it."""
    proof: Annotated[ProofScheme, PluginOf(schemes), "what hosts may claim, and how it is counted and checked"]
    """Where it changes, its own threshold comes into force. Reference: protocol 8"""
    far_distances_silence: Annotated[
        bool,
        "an ML node that samples a claimed result which does not count tells its validator nothing any more: a defect",
    ]
    """Reference: protocol 4.4, 9"""
    counts_duplicates: Annotated[bool, "every listed nonce counts; otherwise a nonce counts once per participant"]
    """Reference: protocol 5.1"""
    weight_scale: Annotated[Fraction, Field(gt=0, le=1e6), "weight per counted nonce"]
    """Reference: protocol 5.1"""
    stores_node_ids: Annotated[bool, "a stored batch keeps the id of its ML node; otherwise the chain forgets it"]
    """Reference: protocol 3.1"""
    counts_nodes_handed_out: Annotated[
        bool,
        "nonces are strided by the highest node number handed out; otherwise by the number of nodes dispatched",
    ]
    """Reference: protocol 3.2"""
    weighs_by_node: Annotated[
        bool,
        "weight is the sum over registered nodes that serve a governance model; otherwise it is spread "
        "evenly over nodes, and preserved weight is added on top",
    ]
    """Reference: protocol 5.1"""
    member_page_limit: Annotated[int, Field(ge=0, le=10**9), "members whose votes are read, in address order; 0: all"]
    """Reference: protocol 4.6"""
    settlement_page_limit: Annotated[
        int, Field(ge=0, le=10**9), "participants that are settled, in address order; 0: all"
    ]
    """Reference: protocol 6.2"""
    preserved_share: Annotated[
        float,
        Field(ge=0, le=1),
        "share of a model's weight that skips the next proof of compute; 0: half of each host's nodes, rounded down",
    ]
    """Reference: protocol 5.2"""
    fixed_power_cap: Annotated[
        float,
        Field(ge=0, le=1),
        "largest share of one member's weight; max_individual_power_percentage only turns it on; 0: that one counts",
    ]
    """Reference: protocol 5.3"""
    requires_every_validation: Annotated[
        bool,
        "one missed validation of an inference blocks the claim; otherwise the miss test decides",
    ]
    """Reference: protocol 2.1"""
    miss_probability: Annotated[
        float,
        Field(ge=0, lt=1),
        "p0 of the test on missed requests; 0: no test, no punishment",
    ]
    """Reference: protocol 6.3"""
    approximates_misses: Annotated[
        bool,
        "the miss test's table is that of the normal approximation; otherwise that of the binomial law",
    ]
    """Reference: protocol 6.3"""
    recomputes_total: Annotated[
        bool,
        "punished participants leave the total weight; otherwise their part falls to the first",
    ]
    """Reference: protocol 6.2"""
    remainder_prefers_preserved: Annotated[
        bool,
        "the remainder of rewards falls to the first paid address that kept weight of preserved nodes, if any; "
        "otherwise to the first paid address of all",
    ]
    """Reference: protocol 6.2"""
    resets_statuses: Annotated[bool, "everybody is ACTIVE again at the epoch switch"]
    """Reference: protocol 6.3"""
    judges_sequentially: Annotated[
        bool,
        "statuses follow sequential tests and confirmations, and who fails leaves the group; otherwise a z-test",
    ]
    """Reference: protocol 6.3"""
    slashes_downtime_at_settlement: Annotated[
        bool,
        "who missed more than 5 % of its requests loses a tenth of its collateral at the settlement",
    ]
    """Reference: protocol 6.3"""
    settles_confirmed_weight: Annotated[bool, "rewards follow preserved plus confirmed weight of ACTIVE participants"]
    """Reference: protocol 6.2, 6.7"""
    settlement_cap: Annotated[float, Field(ge=0, le=1), "largest share of one participant's reward weight; 0: no cap"]
    """Reference: protocol 5.3"""
    confirmations_per_epoch: Annotated[float, Field(ge=0, le=100), "expected random re-checks in an epoch"]
    """Reference: protocol 6.7"""
    confirmation_alpha: Annotated[
        Fraction,
        Field(ge=0, le=1),
        "confirmed share below which a member becomes INACTIVE; 0: no such test",
    ]
    """Needs sequential statuses. A key of `protocol`, not of its `rules`. Reference: protocol 6.7"""
    missing_confirmation_keeps_weight: Annotated[
        bool,
        "whoever sends nothing in a confirmation keeps its weight: a defect",
    ]
    """Reference: protocol 0, 9"""
    caps_positive_weights_only: Annotated[
        bool, "power caps count members with weight only, and a cap of 0 is not applied"
    ]
    """Reference: protocol 5.3, 9 (#1394)"""

    # From v0.2.7 on (network 2.1)

    guardian_multiplier: Annotated[
        Fraction,
        Field(ge=0, le=100),
        "power of all guardians together, in powers of the others, while the chain is young",
    ]
    """Reference: protocol 5.4, network 2.9"""
    guardian_maturity_weight: Annotated[
        int, Field(ge=0, le=10**18), "total power from which on guardians are not raised"
    ]
    """Reference: protocol 5.4, network 2.1"""
    guardian_maturity_height: Annotated[
        int,
        Field(ge=0, le=10**12),
        "block before which guardians are raised at any total power; 0: the power alone decides",
    ]
    """Reference: network 2.1"""
    drops_late_messages: Annotated[
        bool, "mempools refuse claims and votes whose window is over; otherwise a block holds them, and refuses them"
    ]
    """Reference: network 2.1"""
    first_vote_stands: Annotated[bool, "the first verdict of a validator on a claim counts; otherwise the last one"]
    """Reference: network 2.1, 2.5"""
    vote_threshold_bps: Annotated[
        int, Field(ge=0, le=10_000), "basis points of all weight that the votes on a claim must exceed; 0: 5000"
    ]
    """Reference: network 2.7"""
    guardians_break_ties: Annotated[
        bool, "guardians decide a claim without a majority, all those that vote must agree; otherwise it fails"
    ]
    """Reference: network 2.7"""
    guardians_need_no_model: Annotated[
        bool, "in a tie guardians count that do not serve the claim's model; otherwise only those that do"
    ]
    """Reference: network 2.1 (#1389)"""
    normalizes_by_stage_time: Annotated[
        bool, "weight of answers counts by the seconds that the stage took, so that slow blocks give no more of it"
    ]
    """Reference: network 2.7"""
    guards_early_shares: Annotated[
        bool, "validators say no where a claim was small at a third of the stage, from the second time in a row on"
    ]
    """Reference: network 2.6"""
    models: Annotated[
        tuple[ModelParams, ...], "governance's models with their coefficients; none: those of 2025, which weigh alike"
    ]
    """A key of `protocol` and of its `upgrades`, not of its `rules`. Reference: network 2.1, 2.9"""
    groups_models: Annotated[
        bool, "each model has a group with voting powers, caps and delegations; otherwise all members are one group"
    ]
    """Reference: network 2.9"""
    w_threshold: Annotated[
        Fraction, Field(ge=0, le=1), "share of the old weight that the members of an eligible model have"
    ]
    """Reference: network 2.9"""
    penalizes_weight: Annotated[
        bool, "penalties and shares of delegation are taken from the weight; otherwise from rewards only"
    ]
    """Reference: network 2.1, 2.9"""
    preserves_by_episode: Annotated[
        bool, "preserved nodes are drawn at each P and each confirmation; otherwise once at VE"
    ]
    """Reference: network 2.8"""
    seats_by_results: Annotated[
        bool, "a node counts for the model that it proved; otherwise for the first that it is registered with"
    ]
    """Reference: network 2.9"""
    reseats_empty_epochs: Annotated[
        bool, "where no node has weight the old epoch's members stay; otherwise the new epoch has none"
    ]
    """Reference: network 2.9"""
    reseats_without_fresh_nodes: Annotated[bool, "they also stay where all nodes with weight were preserved"]
    """Reference: network 2.9"""
    spares_newcomers: Annotated[
        bool, "the penalty for a model that starts is for launching models and hosts of the epoch before only"
    ]
    """Reference: network 2.1 (#1740)"""
    trusts_confirmed_weight: Annotated[
        bool, "blocks and votes follow weight that the epoch before has confirmed; otherwise the new weight"
    ]
    """Reference: network 2.9"""
    moves_coefficients: Annotated[
        bool, "coefficients of models move towards equal shares of weight; otherwise only votes change them"
    ]
    """Reference: network 2.14"""
    allows_challenges: Annotated[
        bool, "a host may challenge another to compute until the epoch ends; otherwise the message is refused"
    ]
    """Needs claims by model. Reference: network 2.13"""
    confirmation_tolerance: Annotated[
        Fraction, Field(gt=0, le=1), "share of its weight that a confirmation takes for all of it"
    ]
    """Reference: network 2.11"""
    computes_confirmations: Annotated[
        bool, "hosts compute in a confirmation, and votes judge it; otherwise it is drawn what each shows again"
    ]
    """Reference: network 2.11"""
    judges_readings: Annotated[
        bool, "a confirmation judges what it measured itself; otherwise the least that any has measured in the epoch"
    ]
    """Reference: network 2.11"""
    confirmation_safety_blocks: Annotated[
        int,
        Field(ge=0, le=1_000_000),
        "blocks kept free, with the set delay, between a confirmation and the next P; 0: neither",
    ]
    """Reference: network 2.1, 2.11"""
    upgrade_pause_blocks: Annotated[
        int, Field(ge=0, le=1_000_000), "blocks after an upgrade in which no confirmation begins"
    ]
    """Reference: network 2.1, 2.11"""
    emits_exactly: Annotated[
        bool, "the emission is a power of an exact decimal; otherwise an exponential of floating point"
    ]
    """Reference: network 2.12"""
    leaves_rest_to_governance: Annotated[
        bool, "remainders and coins not claimed in time go to governance; otherwise to the first paid, or burnt"
    ]
    """Reference: network 2.1, 2.12"""
    divides_by_full_weight: Annotated[
        bool, "the emission is divided by all members' full weight, whoever is paid; otherwise by what is settled"
    ]
    """Reference: network 2.12"""
    scales_by_confirmation: Annotated[
        bool, "rewards follow weight times its confirmed share; otherwise preserved plus confirmed weight"
    ]
    """Reference: network 2.12"""
    adapts_miss_probability: Annotated[bool, "p0 of the miss test rises with the network's own share of misses"]
    """Reference: network 2.12"""
    asks_for_validations: Annotated[bool, "a claim needs enough validations of inferences; otherwise none"]
    """Reference: network 2.1"""
    slashes_required_collateral: Annotated[
        bool, "a slash is a share of the collateral that the weight requires; otherwise of what is deposited"
    ]
    """Reference: network 2.1, 2.11"""
    leaves_slashes_to_governance: Annotated[bool, "slashed coins go to governance; otherwise they are burnt"]
    """Reference: network 2.1"""
    judges_at_switch: Annotated[bool, "sequential statuses are judged at S too; otherwise with new counts only"]
    """Reference: network 2.18"""
    restarts_runs: Annotated[bool, "a run of wrong answers starts anew at S; otherwise it goes on"]
    """Reference: network 2.1, 2.18"""

    # What-ifs

    rotates_preserved_nodes: Annotated[
        bool, "ML nodes that are preserved in the running proof of compute come last when the next ones are chosen"
    ] = False
    """Reference: protocol 5.2, 9 (#706)"""
    ignores_own_votes: Annotated[
        bool, "on its own claim a member neither votes nor counts in the total; its slots of a committee neither"
    ] = False
    """Reference: protocol 4.6, 9"""
    caps_rewards_by_full_weight: Annotated[
        bool,
        "the settlement's cap is a share of all members' full weight, which divides the emission too; what nobody is "
        "entitled to stays in the module",
    ] = False
    """Reference: protocol 6.2, 9 (#1372)"""
    confirmation_shuts_out_proof: Annotated[
        bool,
        "as long as a confirmation counts as running, the set delay after it too, claims for the next proof of compute "
        "are refused: a defect",
    ] = False
    """What v0.2.9 did in epoch 169, until its third patch [I]. Reference: network 2.1 (#748)"""
    rounds_price_rises_up: Annotated[bool, "a price that rises is rounded up; otherwise every price is truncated"] = (
        False
    )
    """Reference: protocol 6.6"""
    gives_slots_as_drawn: Annotated[
        bool, "hosts give their preserved ML nodes in the order in which they were drawn; otherwise by address"
    ] = False
    """Where preserved nodes are a share of the weight and drawn at VE. Reference: protocol 5.2, 9 (#700, #705)"""
    truncates_by_node: Annotated[
        bool, "weight in the scheme `hits` is truncated once per ML node; otherwise batch by batch"
    ] = False
    """Reference: protocol 5.1"""
    rejection_slash: Annotated[
        Fraction, Field(ge=0, le=1), "share of its collateral that a host loses at VE whose claim was voted invalid"
    ] = Fraction(0)
    """No version slashes for a proof. Reference: protocol 6.5, network 2.11"""
    samples_by_newest_hash: Annotated[
        bool,
        "samples in the scheme `hits` are drawn by the hash of the block at which validation begins; otherwise by that "
        "of block P, which provers know",
    ] = False
    """Reference: protocol 4.2, 9"""
