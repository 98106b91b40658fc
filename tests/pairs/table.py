"""Mechanisms x mechanisms: which test would fail if something broke between two of them.

`MECHANISMS` stand in an order; the row of each says how it is tested together with those above it.
- A test of their own is named: "folder/file::test".
- `MANY`: both are on in a random mixture, whose run keeps all laws (`laws`).
- `ALONE`: the run is the same to the bit without one of them, so that it cannot reach the other.
- `apart`: they cannot interact, for the reason that is given.
A mechanism may meet itself: two of a kind at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MECHANISMS = {
    "validation": "samples, verdicts, votes and their window",
    "work": "which nonces are valid: by the kernel, or by the law on the sphere",
    "by_gpu": "numerics of each GPU",
    "ml_node": "ML nodes that fail and are repaired",
    "overclaim": "hosts that claim what they did not find",
    "preserved": "ML nodes that skip a proof of compute and keep their weight",
    "crash": "hosts that go down and come back; churn",
    "partition": "links that are cut between sides",
    "links": "loss, latency and bandwidth",
    "joins": "hosts that enter later, and block sync",
    "tiers": "hop by hop, or by shortest paths",
    "reproposal": "failed rounds, and blocks that are proposed again",
    "block_size": "room in a block",
    "mempool": "fees, and time to live",
    "committee": "slots that are drawn at V",
    "guardians": "more consensus power, and the last word on claims",
    "upgrades": "versions that change at an epoch",
    "lengths": "parts of an epoch that change at a height",
    "controllers": "difficulty by setpoint",
    "collateral": "deposits, activated weight, slashing",
    "service": "inference requests, statuses and prices",
    "confirmations": "weights that are shown again between two proofs of compute",
    "vesting": "claims, and coins that unlock slowly",
    "clock": "clocks that are wrong",
    "summary": "which rows of validations are kept",
    "operators": "memory that hosts share",
    "api": "callbacks of ML nodes that come late or get lost",
    "answers": "every nonce counts, off the chain: commitments, distributions, votes by model",
    "signatures": "validators that sign nothing or twice, and jail",
    "challenges": "one host computes till the epoch's end, for a stake; segments, votes without it, payments",
    "early": "ML nodes that generate before a proof of compute, under a guessed hash",
}
MANY = "pairs/test_many_at_once.py::test_laws_hold_with_many_mechanisms_at_once"
ANSWERS = "pairs/test_pairs_of_answers.py::test_laws_hold_with_answers_and_much_else_at_once"
CHALLENGES = "pairs/test_pairs_of_challenges.py::test_laws_hold_with_challenges_and_much_else_at_once"
ALONE = "pairs/test_pairs_apart.py::test_everything_else_is_the_same_without_clocks_summary_vesting_and_operators"
_FAULTS = "pairs/test_pairs_of_faults.py::test_"
_RULES = "pairs/test_pairs_of_rules.py::test_"
_VALIDATION = "simulation/test_validation.py::test_"
_API = "simulation/test_api_faults.py::test_"
_OLDER_FAULTS = "simulation/test_faults.py::test_"
_CHALLENGE = "simulation/test_challenge_run.py::test_"
_CHEATS = "simulation/test_cheats_in_runs.py::test_"
_RUN = "simulation/test_answers_run.py::test_"
_PURE = (
    "The work answers which nonces are valid and knows nothing of the chain, the network and money; "
    "simulation/test_twins.py::test_whole_runs_agree holds its two kinds against each other."
)


@dataclass(frozen=True)
class Row:
    """How one mechanism is tested together with those above it."""

    own: dict[str, str] = field(default_factory=dict)
    """Other mechanism -> test."""
    rest: str = MANY
    """Test of all pairs that are not named."""
    apart: dict[str, str] = field(default_factory=lambda: {"work": _PURE})
    """Other mechanism -> reason."""


ROWS = {
    "validation": Row(),
    "work": Row({"validation": f"{_VALIDATION}contradictions_are_the_sampled_nonces_that_are_invalid"}, apart={}),
    "by_gpu": Row(
        {
            "validation": f"{_VALIDATION}each_claim_is_judged_in_the_numerics_asked_for",
            "work": "simulation/test_twins.py::test_mismatches_appear_only_between_numerics",
        },
        apart={},
    ),
    "ml_node": Row(
        {
            "validation": f"{_VALIDATION}a_fault_of_an_ml_node_in_a_whole_run",
            "work": f"{_OLDER_FAULTS}an_ml_node_that_is_repaired_in_time_goes_on_without_trying_a_nonce_twice",
            "by_gpu": f"{_VALIDATION}ml_nodes_that_fail_and_come_back",
        },
        apart={},
    ),
    "overclaim": Row(
        {
            "validation": f"{_VALIDATION}a_cheater_is_caught_in_any_numerics",
            "work": "simulation/test_twins.py::test_fabricated_nonces_follow_the_whole_law",
            "by_gpu": f"{_VALIDATION}a_cheater_is_caught_in_any_numerics",
            "ml_node": f"{_FAULTS}an_overclaimer_fabricates_by_what_it_sent_not_by_what_a_failure_lost",
        },
        apart={},
    ),
    "preserved": Row(
        {
            "validation": f"{_FAULTS}a_failure_of_the_only_node_that_is_not_preserved_leaves_nobody_to_check",
            "ml_node": f"{_FAULTS}a_failure_of_the_only_node_that_is_not_preserved_leaves_nobody_to_check",
        }
    ),
    "crash": Row({"validation": f"{_OLDER_FAULTS}a_crashed_host_does_nothing_and_gets_no_reward"}),
    "partition": Row(
        {
            "validation": f"{_FAULTS}who_catches_up_after_v_checks_the_claims_that_v_knew",
            "crash": f"{_OLDER_FAULTS}blocks_that_are_fetched_over_a_way_that_is_cut_meanwhile_do_not_arrive",
        }
    ),
    "links": Row({"links": "network/test_conditions.py::test_losses_add_up_as_if_independent"}),
    "joins": Row(
        {
            "crash": f"{_FAULTS}who_crashes_while_it_joins_registers_once",
            "partition": f"{_FAULTS}who_joins_behind_a_cut_enters_when_it_ends",
        }
    ),
    "tiers": Row(
        {
            "validation": f"{_VALIDATION}verdicts_leave_with_the_senders_period",
            "crash": f"{_OLDER_FAULTS}in_the_shared_pool_too_a_crash_loses_what_no_peer_has_yet",
            "partition": "network/test_conditions.py::test_both_tiers_count_the_same_arrivals_on_a_tree",
            "links": f"{_OLDER_FAULTS}three_times_the_latency_is_three_times_the_delay",
            "joins": f"{_FAULTS}who_joins_behind_a_cut_enters_when_it_ends",
        }
    ),
    "reproposal": Row(
        {
            "crash": f"{_FAULTS}a_block_that_is_proposed_again_during_a_fault_is_agreed_once",
            "partition": f"{_FAULTS}a_block_that_is_proposed_again_during_a_fault_is_agreed_once",
            "links": f"{_FAULTS}a_block_that_is_proposed_again_during_a_fault_is_agreed_once",
            "tiers": "simulation/test_reproposals.py::test_a_block_that_is_proposed_again_is_sent_to_those_who_lack_it",
        }
    ),
    "block_size": Row(
        {
            "validation": f"{_VALIDATION}verdicts_that_fit_no_block_together_leave_apart",
            "tiers": "simulation/test_mempools.py::test_what_no_block_can_hold_is_refused_and_blocks_nobody",
            "reproposal": (
                "simulation/test_reproposals.py::test_a_block_that_is_proposed_again_is_sent_to_those_who_lack_it"
            ),
        }
    ),
    "mempool": Row(
        {
            "crash": f"{_OLDER_FAULTS}what_a_crashed_host_had_in_memory_is_gone_and_peers_bring_it_back",
            "partition": f"{_RULES}what_a_minority_sends_does_not_expire_by_blocks_that_it_cannot_see",
            "tiers": "simulation/test_mempools.py::test_what_waits_too_long_expires",
            "block_size": "simulation/test_mempools.py::test_fees_buy_a_place_in_full_blocks",
        }
    ),
    "committee": Row(
        {
            "validation": f"{_VALIDATION}a_committee_checks_only_whom_it_was_drawn_for",
            "crash": f"{_FAULTS}the_slots_of_a_member_that_is_down_abstain",
            "joins": f"{_FAULTS}a_newcomer_holds_no_slot_before_it_has_weight",
        }
    ),
    "guardians": Row(
        {
            "validation": f"{_VALIDATION}guardians_check_everybody_where_committees_judge",
            "partition": f"{_FAULTS}without_its_guardian_a_young_network_halts",
            "committee": "protocol/test_committee.py::test_guardians_decide_what_slots_leave_open",
        }
    ),
    "upgrades": Row(
        {"preserved": f"{_RULES}preserved_nodes_are_chosen_by_the_old_rules_and_keep_their_old_weight"},
    ),
    "lengths": Row(
        {
            "validation": f"{_RULES}votes_count_up_to_the_end_that_a_change_moves_while_they_are_sent",
            "committee": f"{_RULES}a_committee_is_drawn_at_v_wherever_a_change_moves_it",
            "upgrades": (
                "simulation/test_upgrade_history.py::"
                "test_a_longer_validation_ends_the_lost_quorums_in_the_running_epoch"
            ),
        }
    ),
    "controllers": Row(
        {"upgrades": f"{_RULES}an_upgrade_brings_its_radius_and_the_controller_goes_on_from_it"},
    ),
    "collateral": Row(
        {"upgrades": "simulation/test_upgrade_history.py::test_collateral_activates_weight_after_its_grace"},
    ),
    "service": Row(
        {
            "upgrades": "simulation/test_upgrade_history.py::test_missing_requests_cost_rewards_from_v0_2_2_on",
            "collateral": f"{_RULES}slashed_collateral_activates_less_weight_at_the_same_end_of_validation",
        }
    ),
    "confirmations": Row(
        {
            "preserved": f"{_RULES}preserved_nodes_are_paid_for_what_they_need_not_confirm",
            "lengths": f"{_RULES}a_confirmation_ends_where_it_was_to_end_when_lengths_change_under_it",
            "confirmations": f"{_RULES}two_confirmations_in_one_epoch_take_no_more_than_one",
            "service": f"{_RULES}who_fails_a_confirmation_gets_no_more_requests_and_no_fees",
            "collateral": f"{_RULES}who_fails_a_confirmation_gets_no_more_requests_and_no_fees",
            "upgrades": (
                "simulation/test_upgrade_history.py::test_proposal_17_tolerates_fewer_misses_and_confirms_four_times"
            ),
        }
    ),
    "vesting": Row(
        {
            "crash": f"{_FAULTS}a_reward_whose_claim_was_slept_through_is_burnt",
            "partition": f"{_FAULTS}who_was_cut_off_at_the_claim_claims_once_and_late",
            "lengths": f"{_RULES}a_change_of_lengths_moves_the_claim_and_nobody_claims_twice",
            "collateral": f"{_RULES}slashing_takes_collateral_and_nothing_that_waits_for_a_claim",
        },
        ALONE,
    ),
    "clock": Row(
        {
            "work": f"{_FAULTS}a_clock_that_is_wrong_by_an_hour_announces_no_more_nonces_than_two_block_times_allow",
            "clock": f"{_OLDER_FAULTS}time_does_not_go_back_however_wrong_a_clock_is_and_skews_add_up_and_end",
        },
        ALONE,
        {},
    ),
    "summary": Row(
        {"validation": "simulation/test_validation_metrics.py::test_sums_say_what_the_rows_say"},
        ALONE,
    ),
    "operators": Row({"overclaim": f"{_FAULTS}cheaters_of_one_operator_count_apart_what_each_has_sent"}, ALONE),
    "api": Row(
        {
            "validation": f"{_API}checks_that_come_late_give_no_vote_and_no_vote_of_the_next_epoch",
            "ml_node": f"{_API}nonces_that_a_failing_node_has_called_back_arrive",
            "crash": f"{_API}a_callback_to_a_host_that_is_down_is_lost",
            "api": f"{_API}two_faults_add_their_delays_and_each_ends_by_itself",
        }
    ),
    "answers": Row(
        {
            "validation": f"{_RUN}who_invents_half_of_its_answers_is_voted_down_by_all_others",
            "work": f"{_RUN}law_and_kernel_accept_the_same_claims",
            "overclaim": f"{_RUN}who_invents_half_of_its_answers_is_voted_down_by_all_others",
            "crash": f"{_RUN}who_crashes_after_its_commitments_distributes_when_it_is_back",
            "upgrades": f"{_RUN}a_run_passes_from_hits_to_answers_at_an_upgrade",
            "guardians": "simulation/test_evidence.py::test_a_guardian_without_the_model_votes_no_in_the_end",
        },
        ANSWERS,
        {
            "committee": "Answers have no committees: their slots, off on main net, are drawn by a model's powers.",
            "controllers": "Every computed nonce counts whatever a controller wants: there is nothing to steer.",
            "by_gpu": "Under the law stacks tell answers apart, not numerics; simulation/test_answer_work.py has both.",
        },
    ),
    "signatures": Row(
        {
            "tiers": "simulation/test_signatures.py::"
            "test_who_is_silent_is_jailed_slashed_and_comes_back_when_its_time_is_over",
            "collateral": "protocol/test_signing.py::test_a_double_sign_costs_a_twentieth_and_the_place_for_good",
            "guardians": "protocol/test_signing.py::test_guardians_that_are_in_jail_are_not_raised",
            "answers": "protocol/test_signing.py::"
            "test_since_v0_2_11_a_slash_is_of_the_required_collateral_and_goes_to_governance",
            "signatures": "simulation/test_coins.py::test_the_last_state_holds_every_coin",
        }
    ),
    "challenges": Row(
        {
            "validation": f"{_CHALLENGE}who_invents_is_voted_down_by_all_others",
            "work": f"{_CHALLENGE}who_invents_is_voted_down_by_all_others",
            "crash": f"{_CHALLENGE}a_target_that_is_down_misses_a_commitment",
            "service": f"{_CHALLENGE}the_target_serves_no_requests_while_it_is_challenged",
            "confirmations": f"{_CHALLENGE}a_confirmation_asks_all_but_the_target_and_votes_on_its_segment",
            "upgrades": f"{_CHALLENGE}refused_challenges_say_why_and_lock_nothing",
            "vesting": f"{_CHALLENGE}stakes_and_prizes_vest",
            "answers": f"{_CHALLENGE}law_and_kernel_judge_a_segment_alike",
        },
        CHALLENGES,
        {
            "committee": "Segments are answers, whose slots are drawn by a model's powers and not by committees.",
            "controllers": "Every computed nonce counts whatever a controller wants: there is nothing to steer.",
            "by_gpu": "Under the law stacks tell answers apart, not numerics; simulation/test_answer_work.py has both.",
        },
    ),
    "early": Row(
        {
            "crash": f"{_CHEATS}a_host_that_is_down_before_or_in_the_stage_computes_early_again",
            "answers": f"{_CHEATS}work_before_the_stage_pays_for_the_right_guess_only",
            "challenges": f"{_CHALLENGE}a_challenge_has_all_ml_nodes_that_would_compute_early",
        }
    ),
}


def cover(first: str, second: str) -> tuple[str, str]:
    """Return (test, reason) of a pair, one of them empty; `second` is below `first`, or is the same."""
    row = ROWS[second]
    if first in row.apart and first not in row.own:
        return "", row.apart[first]
    return row.own.get(first, row.rest), ""
