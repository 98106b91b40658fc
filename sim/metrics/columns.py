"""Every frame's columns: name, dtype, unit, meaning. The docs' page of frames is made from this table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One column of a frame; `unit` is empty for names, counts and plain numbers."""

    name: str
    dtype: str
    unit: str
    meaning: str


def _columns(text: str) -> tuple[Column, ...]:
    rows = (line.split("|") for line in text.strip().splitlines())
    return tuple(Column(*(cell.strip() for cell in row)) for row in rows)


ROWS: dict[str, str] = {
    "epochs": "epoch",
    "participants": "epoch × participant in the network",
    "ml_nodes": "epoch × ML node that was dispatched or preserved",
    "blocks": "block",
    "transactions": "transaction",
    "validations": "epoch × validator × participant; none where `metrics.validations` is `summary`",
    "validation_summary": "epoch × validator",
    "difficulty": "controller decision",
    "rewards": "epoch × member",
    "payments": "movement of coins",
    "inferences": "epoch × member that serves a model",
    "prices": "epoch × model",
    "confirmations": "confirmation × member",
    "faults": "fault, by its beginning; one that the run was too short for comes last",
    "propagation": "message kind × bin of delay",
}

NAMES = {"threshold": "r_target", "next_threshold": "next_r_target"}
"""Fields of records whose columns have another name: the one of the scheme `hits`."""

FRAMES: dict[str, tuple[Column, ...]] = {
    "epochs": _columns("""
        epoch | int64 | | index of the epoch, from 1
        version | str | | version whose rules hold from P on
        start_height | int64 | blocks | P, the block whose hash is the network seed
        start_seconds | float64 | s | simulated time of P
        end_seconds | float64 | s | simulated time of the last block before the next P
        r_target | float64 | chord | largest accepted distance in force at P
        difficulty | float64 | tries | 1 / hit probability
        hit_probability | float64 | | exact probability of a valid nonce at r_target
        n_ml_nodes | int64 | | ML nodes that generated
        tried | int64 | nonces | nonces computed by ML nodes that generated
        valid | int64 | nonces | of these with distance < r_target
        success_rate | float64 | | valid / tried
        success_low | float64 | | lower end of its 95 % Wilson interval
        success_high | float64 | | upper end of its 95 % Wilson interval
        claimed_nonces | int64 | nonces | nonces in proof batches that the chain took
        accepted | int64 | | participants accepted at VE
        rejected | int64 | | participants rejected at VE
        total_weight | int64 | weight | sum of final weights
        gossip_delay_median_seconds | float64 | s | median delay of a transaction to one host
        computed | int64 | nonces | distances computed (kernel) or drawn (sphere) since P
        shared | int64 | nonces | distances answered from an earlier computation since P
    """),
    "participants": _columns("""
        epoch | int64 | | index of the epoch
        participant | str | | address
        host_group | str | | entry of `hosts` in the scenario
        region | str | | region of the host
        strategy | str | | strategy of the host
        gpus | str | | GPUs of the host
        tried | int64 | nonces | nonces that its ML nodes computed
        valid | int64 | nonces | of these with distance < r_target
        claimed_nonces | int64 | nonces | nonces in its proof batches on chain
        distinct_nonces | int64 | nonces | different ones among them; ML nodes that overlap send a nonce twice
        counted_nonces | int64 | nonces | claimed ones that count by the version's rule on duplicates
        claimed_weight | int64 | weight | weight of the counted nonces
        valid_vote_weight | int64 | weight | previous weight that voted valid; slots, where a committee judges
        invalid_vote_weight | int64 | weight | previous weight that voted fraud; slots, where a committee judges
        total_vote_weight | int64 | weight | previous weight of all members; slots, where a committee judges
        is_accepted | bool | | the claim passed every acceptance test
        reason | str | | first acceptance test that failed, accepted, or no claim
        preserved_weight | int64 | weight | kept by ML nodes that the proof of compute passed over
        dropped_weight | int64 | weight | of ML nodes that are not registered or serve no governance model
        uncapped_weight | int64 | weight | accepted and preserved weight, before collateral and power cap
        activated_weight | int64 | weight | what collateral leaves of it
        is_member | bool | | member of the epoch's group; false where weight without a seed was left out
        weight | int64 | weight | final weight, after the power cap; 0 where it is no member
        consensus_power | int64 | weight | power in block production from S on, with the guardians' boost
    """),
    "ml_nodes": _columns("""
        epoch | int64 | | index of the epoch
        participant | str | | address of the host
        node_id | int64 | | number of the ML node within its host, from 1
        gpu | str | | GPU profile
        n_gpus | int64 | | GPUs of the machine
        n_gpu_groups | int64 | | groups that work as one device each
        nonces_per_second | float64 | 1/s | raw rate of all groups
        r_target | float64 | chord | largest accepted distance that its host knew
        start_seconds | float64 | s | simulated time of the first nonce's start; missing where preserved
        end_seconds | float64 | s | simulated time of its stop; missing where preserved
        tried | int64 | nonces | nonces computed
        valid | int64 | nonces | of these with distance < r_target
        claimed | int64 | nonces | nonces sent in proof batches, fabricated ones included
        unsent | int64 | nonces | valid ones lost because generation ended before the next send
        n_nodes | int64 | | stride of its nonces: the number of ML nodes that it was told; 0 where preserved
        is_preserved | bool | | served on and kept its weight without proof
    """),
    "blocks": _columns("""
        height | int64 | blocks | height
        epoch | int64 | | epoch whose [P, next P) holds the height
        stage | str | | stage of the epoch
        proposer | str | | address of the proposer
        time_seconds | float64 | s | when the first validator decided
        round | int64 | | round of consensus that decided; 0 where nothing went wrong
        timestamp_seconds | float64 | s | the block's own time, by its proposer's clock
        block_hash | str | | hash, hexadecimal
        n_transactions | int64 | | transactions contained
        size_bytes | int64 | bytes | size on the wire
        n_reached | int64 | | hosts that the gossip reached, without the proposer
        delay_median_seconds | float64 | s | median delay to these hosts
        delay_max_seconds | float64 | s | largest delay to these hosts
    """),
    "transactions": _columns("""
        tx_id | str | | id
        kind | str | | SubmitSeed, SubmitProofBatch, SubmitValidation, ClaimReward
        creator | str | | address
        epoch | int64 | | epoch at the creator's height
        size_bytes | int64 | bytes | size on the wire
        created_seconds | float64 | s | simulated time of creation
        height | Int64 | blocks | block that contains it; missing where none does
        included_seconds | float64 | s | simulated time of that block
        inclusion_delay_seconds | float64 | s | included_seconds - created_seconds
        fate | str | | included, late (after its window), refused (for another reason, or too large), expired, or lost
        result | str | | what the chain said: accepted, or why not; missing where no block contains it
        n_reached | int64 | | hosts that the gossip reached, without the creator
        delay_median_seconds | float64 | s | median delay to these hosts
        delay_max_seconds | float64 | s | largest delay to these hosts
    """),
    "validations": _columns("""
        epoch | int64 | | index of the epoch
        validator | str | | who re-executed
        participant | str | | whose nonces
        n_claimed | int64 | nonces | claimed nonces that the validator saw at V
        n_checked | int64 | nonces | of these re-executed
        n_invalid | int64 | nonces | of these with recomputed distance > r_target
        p_value | float64 | | probability of so many or more mismatches of an honest host
        vote | str | | valid, fraud, abstained or out of time
        seconds | float64 | s | simulated time of the verdict
    """),
    "validation_summary": _columns("""
        epoch | int64 | | index of the epoch
        validator | str | | who re-executed
        n_participants | int64 | | whom it had to check
        n_claimed | int64 | nonces | claimed nonces that it saw at V
        n_checked | int64 | nonces | of these re-executed
        n_invalid | int64 | nonces | of these with recomputed distance > r_target
        n_valid | int64 | | votes valid
        n_fraud | int64 | | votes fraud
        n_abstained | int64 | | checks without a vote
        n_out_of_time | int64 | | participants that it did not get to
        last_seconds | float64 | s | simulated time of its last verdict
    """),
    "difficulty": _columns("""
        epoch | int64 | | epoch that was measured
        height | int64 | blocks | VE, height of the decision
        quantity | str | | key of the controller's `target`; valid nonces where nothing is controlled
        measured | float64 | of the quantity | its value as the chain knows it at VE: nonces, valid / tried, or blocks
        setpoint | float64 | of the quantity | wanted value; missing where nothing is controlled
        difficulty | float64 | tries | in force in the measured epoch
        next_difficulty | float64 | tries | in force from S
        next_r_target | float64 | chord | the same as a distance
    """),
    "rewards": _columns("""
        epoch | int64 | | epoch that is paid for
        participant | str | | address
        uncapped_weight | int64 | weight | what the reward follows before the settlement's cap
        weight | int64 | weight | what the reward follows: final weight, from v0.2.5 on preserved and confirmed weight
        reward_ngonka | int64 | ngonka | settled reward
        fees_ngonka | int64 | ngonka | fees of users on top
        reason | str | | paid, or why there is no reward
        is_claimed | bool | | the participant claimed it in the simulated time
    """),
    "payments": _columns("""
        epoch | int64 | | epoch whose [P, next P) holds the height
        height | int64 | blocks | block in which coins moved
        participant | str | | address; empty where it concerns nobody
        kind | str | | reward, remainder, fee, left, claim, vested, burnt or slashed
        amount_ngonka | int64 | ngonka | how much
        reason | str | | why
    """),
    "inferences": _columns("""
        epoch | int64 | | index of the epoch
        participant | str | | address
        requests | int64 | | requests that it should have served
        missed | int64 | | of these not served
        invalid | int64 | | of the served ones found wrong by a validator
        fees_ngonka | int64 | ngonka | fees of the served ones
        status | str | | ACTIVE, RAMPING or INVALID after the epoch's validations
    """),
    "prices": _columns("""
        epoch | int64 | | index of the epoch
        model | str | | model that is served
        price_ngonka | int64 | ngonka | price of a token at the epoch's last block
    """),
    "confirmations": _columns("""
        epoch | int64 | | epoch whose weights were confirmed
        height | int64 | blocks | last block of the confirmation
        participant | str | | address
        weight_before | int64 | weight | confirmation weight before
        measured | int64 | weight | weight shown; 0 where nothing was sent
        weight_after | int64 | weight | confirmation weight after
        is_failed | bool | | showed so little that the epoch's reward is lost
    """),
    "faults": _columns("""
        fault | int64 | | position in the scenario's `faults`, from 0
        kind | str | | crash, churn, partition, latency, loss, bandwidth, ml_node or clock_skew
        target | str | | whom it hit, as the scenario names them, or the hosts that were drawn
        n_hosts | int64 | | hosts hit; of a partition all that it names
        value | float64 | | factor, probability, or seconds by which a clock is ahead; missing where it has none
        planned_seconds | float64 | s | simulated time at which it was to begin
        start_seconds | float64 | s | simulated time of its beginning; missing where the run ended before
        end_seconds | float64 | s | simulated time of its end; missing where it lasted to the end of the run
    """),
    "propagation": _columns("""
        kind | str | | Block or a kind of transaction
        delay_upper_seconds | float64 | s | upper edge of the bin (24 bins a decade)
        deliveries | int64 | | first deliveries to a host in the bin
    """),
}
