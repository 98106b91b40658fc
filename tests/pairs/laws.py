"""Laws that hold in every run, whatever is turned on: each checks one, from frames, blocks and what an onlooker saw."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from observed import Observed
from replay import Epoch, replay
from standing import follow

FATES = {"included", "late", "refused", "expired", "lost"}
JUDGED = (
    "claimed_nonces", "distinct_nonces", "counted_nonces", "claimed_weight", "valid_vote_weight", "invalid_vote_weight",
    "total_vote_weight", "is_accepted", "preserved_weight", "dropped_weight", "uncapped_weight", "activated_weight",
    "is_member", "weight",
)  # fmt: skip


def check_all(run: Observed) -> list[Epoch]:
    """Every law below; return the epochs as the second implementation has them."""
    check_fates(run)
    check_times(run)
    check_the_absent_are_silent(run)
    check_nothing_crosses_a_cut(run)
    check_windows(run)
    check_machines(run)
    check_coins(run)
    check_confirmations(run)
    check_statuses(run)
    check_signatures(run)
    check_difficulty(run)
    epochs = replay(run)
    check_weights(run, epochs)
    check_validations(run, epochs)
    check_powers(run)
    return epochs


def check_fates(run: Observed) -> None:
    """Every transaction has exactly one fate, the one that blocks tell, and no block takes one twice."""
    sent = run.result.transactions
    assert sent["tx_id"].is_unique
    assert set(sent["fate"]) <= FATES
    heights: dict[str, int] = {}
    for block in run.blocks:
        for each in block.transactions:
            assert each.tx_id not in heights, f"{each.tx_id} stands in two blocks"
            heights[each.tx_id] = block.height
    in_blocks = sent.dropna(subset="height")
    assert dict(zip(in_blocks["tx_id"], in_blocks["height"], strict=True)) == heights
    is_outside = sent["height"].isna()
    dropping = {epoch for epoch in sent["epoch"] if run.params.rules_at(epoch + 1).drops_late_messages}
    assert set(sent.loc[is_outside & ~sent["epoch"].isin(dropping), "fate"]) <= {"refused", "expired", "lost"}
    assert set(sent.loc[is_outside, "fate"]) <= {"late", "refused", "expired", "lost"}
    assert set(sent.loc[~is_outside, "fate"]) <= {"included", "late", "refused"}
    assert (sent.loc[~is_outside, "fate"].eq("included") == sent.loc[~is_outside, "result"].eq("accepted")).all()
    room = run.params.block_room_bytes
    assert (sent.loc[~is_outside, "size_bytes"] <= room).all()
    assert (run.result.blocks["size_bytes"] <= run.params.block_max_bytes).all()


def check_times(run: Observed) -> None:
    """Time goes forward: from block to block, in timestamps, at each host, and from sending to inclusion."""
    blocks = run.result.blocks
    assert blocks["height"].tolist() == list(range(1, len(blocks) + 1))
    assert (np.diff(blocks["time_seconds"]) > 0).all()
    assert (np.diff(blocks["timestamp_seconds"]) >= 0.001 - 1e-9).all()
    agreed = dict(zip(blocks["height"], blocks["time_seconds"], strict=True))
    for host, steps in run.applied.items():
        for (before, low), (after, high) in pairwise(steps):
            assert before <= after, host
            assert low < high, f"{host} applies block {high} after block {low}"
        for seconds, height in steps:
            assert height in agreed, f"{host} applies block {height}, which is not agreed"
            assert seconds >= agreed[height] - 1e-9, f"{host} applies block {height} before it is agreed"
    sent = run.result.transactions.dropna(subset="height")
    assert (sent["inclusion_delay_seconds"] >= 0).all()
    if not any(fault.kind == "clock_skew" for fault in run.scenario.faults):
        proposed = sent["height"].map(dict(zip(blocks["height"], blocks["timestamp_seconds"], strict=True)))
        assert (sent["created_seconds"] <= proposed).all(), "a block holds what was sent after it was proposed"


def check_the_absent_are_silent(run: Observed) -> None:
    """A host that is down, or has not joined, sends, proposes, applies, checks and receives nothing."""
    sent, blocks = run.result.transactions, run.result.blocks
    has_skew = any(fault.kind == "clock_skew" for fault in run.scenario.faults)
    for host, (start, end) in run.down():
        mine = sent.loc[sent["creator"] == host, "created_seconds"]
        assert not mine.between(start, end, inclusive="neither").any(), f"{host} sends while it is down"
        assert not any(start < seconds < end for seconds, _ in run.applied[host]), host
        assert not any(start < seconds < end for _, who, seconds in run.deliveries if who == host), host
        if not has_skew:
            proposed = blocks.loc[blocks["proposer"] == host, "timestamp_seconds"]
            assert not proposed.between(start, end, inclusive="neither").any(), f"{host} proposes while it is down"
        checks = run.result.validations.query("validator == @host and vote != 'out of time'")["seconds"]
        assert not checks.between(start, end, inclusive="neither").any(), f"{host} checks while it is down"
    starts = run.find_starts()
    for group in run.scenario.hosts:
        if group.joins > 1:
            earliest = starts.get(group.joins - 1, float("inf"))
            for host in group.addresses:
                assert all(seconds > earliest for seconds, _ in run.applied[host])
                assert (sent.loc[sent["creator"] == host, "created_seconds"] > earliest).all()
                assert all(seconds > earliest for _, who, seconds in run.deliveries if who == host)


def check_nothing_crosses_a_cut(run: Observed) -> None:
    """What was made on one side of a partition is not known on another before the partition ends."""
    blocks = run.block_frame
    has_skew = any(fault.kind == "clock_skew" for fault in run.scenario.faults)
    sent = run.result.transactions.set_index("tx_id", drop=False)
    for sides, (start, end) in run.cuts():
        made = {row.tx_id: row.creator for row in sent.itertuples() if start < row.created_seconds < end}
        for message, receiver, seconds in run.deliveries:
            if message in made and seconds < end:
                assert sides[made[message]] == sides[receiver], f"{message} reaches {receiver} through a cut"
        for tx_id, creator in made.items():
            row = sent.loc[tx_id]
            if row["included_seconds"] < end:
                proposer = blocks.loc[row["height"], "proposer"]
                assert sides[creator] == sides[proposer], f"a block of {proposer} holds {tx_id} of {creator}"
        if has_skew:
            continue
        for row in blocks.itertuples():
            if start < row.timestamp_seconds < end:
                for host, steps in run.applied.items():
                    if sides[host] != sides[row.proposer]:
                        early = [at for at, height in steps if height >= row.height and at < end]
                        assert not early, f"{host} has block {row.height} of {row.proposer} through a cut"


def check_windows(run: Observed) -> None:
    """Batches and votes are accepted inside their windows only, claims after the settlement, once each."""
    sent = run.result.transactions
    accepted = set(sent.loc[sent["fate"] == "included", "tx_id"])
    claimed: Counter[tuple[str, int]] = Counter()
    for block in run.blocks:
        schedule = run.state_after(block.height).schedule
        for each in block.transactions:
            kind = type(each).__name__
            if each.tx_id not in accepted:
                continue
            if kind == "SubmitProofBatch":
                assert schedule.start == each.start_height < block.height <= schedule.last_batch
            elif kind == "SubmitValidation":
                assert schedule.start == each.start_height
                assert schedule.validation_start < block.height <= schedule.validation_end
            elif kind == "ClaimReward":
                claimed[each.creator, each.epoch_index] += 1
                assert each.epoch_index < schedule.index or block.height == schedule.next_start
    assert max(claimed.values(), default=1) == 1, "a reward is claimed twice"


def check_machines(run: Observed) -> None:
    """An ML node tries no more than it can while it works, sends no more than it found, and nothing when preserved."""
    rows = run.result.ml_nodes
    assert not rows.duplicated(["epoch", "participant", "node_id"]).any()
    assert (rows.loc[rows["is_preserved"], ["tried", "valid", "claimed"]] == 0).all(axis=None)
    assert (rows["valid"] <= rows["tried"]).all()
    strategies = run.result.participants.set_index("participant")["strategy"].to_dict()
    honest = rows[rows["participant"].map(strategies).isin(["honest", "silent"])]
    assert (honest["tried_early"] == 0).all()
    guessed = rows[rows["participant"].map(strategies) == "precompute"]
    assert not len(guessed) or guessed["tried_early"].sum() > 0
    assert (honest["claimed"] + honest["unsent"] + honest["lost"] <= honest["valid"]).all()
    for row in rows[~rows["is_preserved"] & (rows["tried"] > 0)].itertuples():
        broken = [span for host, span in run.down() if host == row.participant]
        for fault, span in run.spans("ml_node"):
            node, _, hosts = fault.target.rpartition(" of ")
            if row.participant in run.resolve(hosts) and node in ("", f"node {row.node_id}"):
                broken.append(span)
        lost = max(
            (max(0.0, min(end, row.end_seconds) - max(start, row.start_seconds)) for start, end in broken), default=0
        )
        seconds = row.end_seconds - row.start_seconds - lost
        assert row.tried <= seconds * row.nonces_per_second + 1e-6, f"{row.participant} tries too much"


def check_coins(run: Observed) -> None:
    """Nobody is paid twice and no coin is made or lost: each movement takes exactly what was there."""
    waiting: Counter[str] = Counter()
    vesting: dict[str, list[int]] = defaultdict(list)
    owned: Counter[str] = Counter()
    n_slices = run.params.vesting_epochs
    for height, rows in run.result.payments.groupby("height", sort=True):
        by_kind = {kind: list(part.itertuples()) for kind, part in rows.groupby("kind")}
        for row in by_kind.get("claim", []):
            amount = row.amount_ngonka
            assert amount == waiting.pop(row.participant), f"{row.participant} claims what does not wait for it"
            if n_slices == 0:
                owned[row.participant] += amount
                continue
            slices = vesting[row.participant]
            slices += [0] * (n_slices - len(slices))
            for place in range(n_slices):
                slices[place] += amount // n_slices + (amount % n_slices if place == 0 else 0)
        for row in by_kind.get("vested", []):
            owned[row.participant] += row.amount_ngonka
            assert vesting[row.participant].pop(0) == row.amount_ngonka
        for row in by_kind.get("burnt", []):
            assert row.amount_ngonka == waiting.pop(row.participant), f"{row.participant} loses what does not wait"
        new = [row for kind in ("reward", "remainder", "fee") for row in by_kind.get(kind, [])]
        if new:
            assert not +waiting, f"at block {height} {dict(waiting)} still wait behind new rewards"
        for row in new:
            waiting[row.participant] += row.amount_ngonka
    state = run.last_state
    assert +waiting == Counter({who: record.amount for who, record in state.settled.items() if record.amount})
    assert {who: sum(left) for who, left in vesting.items() if sum(left)} == {
        who: sum(left) for who, left in state.vesting.items() if sum(left)
    }
    assert +owned == Counter({who: amount for who, amount in state.balances.items() if amount})
    kept = sum(owned.values()) + sum(map(sum, state.vesting.values())) + sum(waiting.values())
    assert state.emitted + state.fees == kept + state.burnt + state.left
    deposited = sum(
        group.collateral_ngonka * len(set(group.addresses) & state.hosts.keys()) for group in run.scenario.hosts
    )
    assert deposited == sum(held.total for held in state.deposits.values()) + state.slashed


def check_confirmations(run: Observed) -> None:
    """Each confirmation starts from what the one before left, and takes away only."""
    rows = run.result.confirmations
    for (epoch, who), mine in rows.groupby(["epoch", "participant"]):
        ordered = mine.sort_values("height")
        assert ordered["height"].is_unique
        assert ordered["weight_before"].tolist()[1:] == ordered["weight_after"].tolist()[:-1], (epoch, who)
        for row in ordered.itertuples():
            # The last block may be the next P, where an upgrade is in force already.
            rules = run.params.rules_at(run.state_after(row.height).schedule.index)
            keeps = rules.missing_confirmation_keeps_weight
            seen = row.weight_before if keeps and row.measured == 0 else row.measured
            assert row.weight_after == min(row.weight_before, seen)
    failed = {(row.epoch, row.participant) for row in rows[rows["is_failed"]].itertuples()}
    for row in run.result.rewards.itertuples():
        if (row.epoch, row.participant) in failed and run.params.rules_at(row.epoch + 1).settles_confirmed_weight:
            assert row.reward_ngonka == 0, f"{row.participant} is paid for epoch {row.epoch}, which it failed"


def check_statuses(run: Observed) -> None:
    """Statuses, failed confirmations, slashes and departures are those of the second implementation."""
    found = follow(run)
    for row in run.result.inferences.itertuples():
        assert row.status == found.told[row.epoch, row.participant], (row.epoch, row.participant)
    rows = run.result.confirmations
    assert {(row.height, row.participant) for row in rows[rows["is_failed"]].itertuples()} == found.failed
    slashed = run.result.payments.query("kind == 'slashed' and reason not in ['downtime', 'missed blocks']")
    expected = [each for each in found.slashed if each[1] in set(slashed["participant"])]
    told = sorted((row.height, row.participant, row.reason) for row in slashed.itertuples())
    assert set(told) <= set(expected)
    held = {who for who, deposit in run.last_state.deposits.items() if deposit.active >= 10}
    assert {each for each in expected if each[1] in held} <= set(told)
    state = run.last_state
    assert state.effective.removed == found.removed[state.effective.index]


def check_signatures(run: Observed) -> None:
    """Who misses too many blocks of a window is jailed, at once; in jail it neither proposes nor counts as absent."""
    rules, accepted = run.params, set(run.result.transactions.query("result == 'accepted'")["tx_id"])
    missed: dict[str, list[int]] = defaultdict(list)
    since: dict[str, int] = {}
    jailed: set[str] = set()
    told: list[tuple[int, str]] = []
    for block in run.blocks:
        last = block.height - 1
        signed, now = (list_signers(run.state_after(max(0, height)).powers) for height in (last - 1, last))
        since = {who: since.get(who, max(1, last)) for who in signed}
        assert set(block.absent) <= signed, "a host that is no validator is called absent"
        assert block.proposer not in jailed, f"{block.proposer} proposes from jail"
        for who in list(missed):
            missed[who] = [at for at in missed[who] if at > last - rules.signed_blocks_window and who in since]
        for who in set(block.absent) & now:
            missed[who].append(last)
        for who in sorted(missed.keys() & now):  # a host that is no validator any more is not judged
            least = len(missed[who]) > rules.most_missed
            if rules.signed_blocks_window and least and last - since[who] >= rules.signed_blocks_window:
                told.append((block.height, who))
                jailed.add(who)
                del missed[who]
        for each in block.transactions:
            if type(each).__name__ == "Unjail" and each.tx_id in accepted:
                jailed.discard(each.creator)
    offences = run.result.frames["offences"]
    assert told == list(zip(offences["height"].tolist(), offences["participant"].tolist(), strict=True))
    assert jailed == set(run.last_state.signing.jailed)


def list_signers(powers: Mapping[str, int]) -> set[str]:
    """The hundred with the most power."""
    largest = sorted(powers, key=lambda who: (-powers[who], who))[:100]
    return {who for who in largest if powers[who] > 0}


def check_difficulty(run: Observed) -> None:
    """What VE decides is in force in the next epoch, unless an upgrade brings its own radius there."""
    decided, nonces = run.result.difficulty, run.result.participants.query("is_accepted")
    counted = nonces.groupby("epoch")["counted_nonces"].sum()
    radii = {1: run.params.rules_at(1).proof.threshold}
    for row in decided.itertuples():
        if row.quantity == "valid_nonces_per_epoch":
            assert row.measured == counted.get(row.epoch, 0)
        before, after = (run.params.rules_at(index).proof.threshold for index in (row.epoch, row.epoch + 1))
        radii[row.epoch + 1] = row.next_r_target if before == after else after
    for row in (*run.result.epochs.itertuples(), *run.result.ml_nodes.itertuples()):
        assert abs(row.r_target - radii[row.epoch]) < 1e-9, row.epoch


def check_weights(run: Observed, epochs: list[Epoch]) -> None:
    """Weights are what was proven: claims in blocks, votes in blocks, then merged, activated and capped."""
    frame = run.result.participants.set_index(["epoch", "participant"])
    for epoch in epochs:
        for who, row in epoch.rows.items():
            found, expected = frame.loc[epoch.index, who], {name: row[name] for name in JUDGED if name in row}
            wrong = {name: (found[name], value) for name, value in expected.items() if found[name] != value}
            assert not wrong or (wrong.keys() <= VOTED and not row["claimed_nonces"]), (epoch.index, who, wrong)
        formed = run.state_after(epoch.closing) if epoch.closing else None
        group = formed and (formed.next_group or formed.effective)  # VE and S may be one block
        for who, row in epoch.rows.items():
            if group is not None and "next_preserved" in row:
                assert set(group.preserved.get(who, ())) == row["next_preserved"], (epoch.index, who)
        if epoch.closing:
            silent = frame.loc[[epoch.index]].drop(index=[(epoch.index, who) for who in epoch.rows])
            assert (silent[["claimed_nonces", "weight"]] == 0).all(axis=None)
    preserved = {
        (epoch.index, who, node)
        for epoch in epochs
        for who, nodes in run.state_after(epoch.start).effective.preserved.items()
        for node in nodes
    }
    for row in run.result.ml_nodes.itertuples():
        assert row.is_preserved == ((row.epoch, row.participant, row.node_id) in preserved)


ADDED = ("n_participants", "n_claimed", "n_checked", "n_invalid")
VOTED = {"valid_vote_weight", "invalid_vote_weight", "total_vote_weight"}
"""0 for those who claimed nothing: nobody judges them."""


def check_validations(run: Observed, epochs: list[Epoch]) -> None:
    """Members of a committee check their own duties only; votes on chain are what was checked; sums are sums."""
    rows, sums = run.result.validations, run.result.validation_summary
    if rows.empty:
        return
    assert not rows.duplicated(["epoch", "validator", "participant"]).any()
    summary = sums.set_index(["epoch", "validator"])
    added = rows.assign(n_participants=1).groupby(["epoch", "validator"])[[*ADDED]].sum()
    assert (added.reindex(summary.index, fill_value=0) == summary[[*ADDED]]).all(axis=None)
    said = {(row.epoch, row.validator, row.participant): row for row in rows.itertuples()}
    sample = run.params.validation_sample_size
    for epoch in epochs:
        claims: Counter[str] = Counter()
        for height, batch in epoch.batches:
            claims[batch.creator] += len(batch.proofs.nonces) * (height <= epoch.opening)
        members = run.state_after(epoch.opening).effective.weights if epoch.opening else {}
        committee = run.state_after(epoch.opening).upcoming.committee if epoch.opening else None
        for row in rows[rows["epoch"] == epoch.index].itertuples():
            assert row.n_claimed == claims[row.participant]
            if row.vote != "out of time":
                assert row.n_checked == min(sample, row.n_claimed)
            if run.params.validation_committee is not None:
                assert row.validator in members
                assert committee is not None
                holders = {list(committee.weights)[place] for place in committee.draw([row.participant])[0]}
                assert row.validator in holders | run.params.guardians
        for _, sent in epoch.votes:
            for participant, is_fraud in zip(sent.participants, sent.verdicts, strict=True):
                row = said[epoch.index, sent.creator, participant]
                assert row.vote == ("fraud" if is_fraud else "valid")


def check_powers(run: Observed) -> None:
    """Consensus power is weight; guardians share what the network gives them, and only in consensus."""
    for epoch, rows in run.result.participants.groupby("epoch"):
        powers = rows.set_index("participant")["consensus_power"]
        members = rows[rows["weight"] > 0].set_index("participant")["weight"]
        members = members.drop(members.index.intersection(find_jailed_at_switch(run, epoch)))
        if members.empty or powers.sum() == 0:
            continue
        guardians = [who for who in members.index if who in run.params.guardians]
        others = members.drop(guardians)
        wanted = 13 * int(others.sum()) // 25 if guardians else 0
        is_boosted = len(members) > 1 and bool(guardians) and 13 * others.sum() >= 25 * members[guardians].sum()
        for who, weight in members.items():
            share = (13 * int(others.sum())) // (25 * len(guardians)) if is_boosted and who in guardians else weight
            assert powers[who] == share, (who, wanted)
        assert powers.sum() == powers[members.index].sum()


def find_jailed_at_switch(run: Observed, epoch: int) -> list[str]:
    """Who is in jail when an epoch's weights come into force."""
    states = (run.state_after(block.height) for block in run.blocks)
    return list(next((state.signing.jailed for state in states if state.effective.index == epoch), ()))
