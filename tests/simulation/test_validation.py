"""Validation: samples, numerics, times and verdicts of every size of network (error level 1e-4 per assertion)."""

import math
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import sim
from pow.params import PRESETS
from pow.proofs import ProofBatch
from pow.validation import count_invalid
from sim.metrics.recorder import Recorder
from sim.nodes.validation import Validation
from sim.protocol.blocks.params import EpochParams, ProtocolParams
from sim.protocol.blocks.state import ChainState, UpcomingEpoch, genesis_state
from sim.protocol.proofs.draws import select_positions
from sim.protocol.proofs.hits import FiledBatches, SubmitProofBatch
from sim.protocol.proofs.log import Log
from sim.protocol.versions import LAUNCH, build_rule_book
from sim.results import Result
from sim.strategies.actions import Check
from sim.strategies.base import MLNode
from sim.streams import Streams
from sim.work.base import Sample, Task, Work
from sim.work.kernel import KernelWork
from sim.work.sphere import SphereWork

LEVEL = 1e-4
Z = float(stats.norm.isf(LEVEL / 2))
DIM = 8192
CHEATED = {
    "network.tier": "paths",
    "work": {"kind": "sphere", "params": "devtest", "rate_factor": 0.5, "startup": "3.4 s", "dtype": "by_gpu"},
    "protocol.validation_sample_size": 30,
    "protocol.r_target": LAUNCH.r_target,
    "difficulty": "fixed",
}
PERIOD, VERDICT_BYTES = 5.0, 420


def run(**changes: object) -> Result:
    return sim.run("tests/data/small.yaml", overrides={**CHEATED, **changes})


def params_with(sample_size: int) -> ProtocolParams:
    return ProtocolParams(
        rule_book=build_rule_book("v0.2.0", {}, {}),
        epoch=EpochParams(),
        vector_dim=DIM,
        validation_sample_size=sample_size,
    )


def state_with(nonces: dict[str, list[int]], r_target: float = LAUNCH.r_target) -> ChainState:
    """Block V with one claim of each participant."""
    batches = [
        SubmitProofBatch(
            "",
            who,
            "b",
            ProofBatch(
                public_key=f"key of {who}",
                block_hash="HASH",
                block_height=40,
                nonces=tuple(claim),
                distances=(1.0,) * len(claim),
            ),
        )
        for who, claim in nonces.items()
    ]
    genesis = genesis_state(dict.fromkeys(nonces, 1), params_with(200), r_target)
    proofs = FiledBatches(Log(batches), Log([41] * len(batches)))
    return replace(genesis, upcoming=UpcomingEpoch(1, 40, "HASH"), proofs=proofs)


def sample_of(state: ChainState, size: int, numerics: list[str], seed: int = 1) -> Sample:
    counts = state.claimed_nonces.counts
    places = np.arange(len(counts))
    return Sample(places, np.minimum(counts, size), numerics, lambda n: select_positions(n, size, seed))


# Who contradicts


def open_work(kind: str) -> Work:
    return KernelWork(PRESETS["tiny"], None, None) if kind == "kernel" else SphereWork(128)


@pytest.mark.parametrize("kind", ["kernel", "sphere"])
def test_contradictions_are_the_sampled_nonces_that_are_invalid(kind: str) -> None:
    """The same claim, checked by 2 000 validators through kernel and law: each count is that of its own positions.

    All counts together follow the hypergeometric law: chi-square. A mean that is off by 3 % is found with probability
    above 0.99. 100 fabricated nonces, of which each is valid with h = 0.08, are judged alike: binomial, two-sided.
    """
    r_target, h, n_sampled = 1.295, 0.0802, 60
    with open_work(kind) as work:
        found = work.produce(Task("HASH", "key of x", "float32", (range(1500),), r_target), range(1500)).nonces.tolist()
        claim = [*found[:60], *range(2**40, 2**40 + 100)]
        claim = [claim[i] for i in np.random.default_rng(5).permutation(len(claim)).tolist()]
        state = state_with({"x": claim}, r_target)
        is_bad = work.distances("HASH", "float32", [("key of x", nonce) for nonce in claim]) > r_target
        counts = []
        for seed in range(2000):
            sample = sample_of(state, n_sampled, ["float32"], seed)
            counts.append(int(work.count_contradictions(state.claimed_nonces, sample)[0]))
            assert counts[-1] == is_bad[select_positions(len(claim), n_sampled, seed)].sum()
    n_bad = int(is_bad.sum())
    assert abs(n_bad - 100 * (1 - h)) < Z * math.sqrt(100 * h * (1 - h)) + 1
    assert compute_chi_square(counts, stats.hypergeom(len(claim), n_bad, n_sampled)) > LEVEL


def compute_chi_square(counts: list[int], law: object) -> float:
    """p-value with all counts whose expectation is below 5 in one cell."""
    values = np.arange(0, max(counts) + 200)
    expected = len(counts) * law.pmf(values)  # type: ignore[attr-defined]
    observed = np.array([Counter(counts)[value] for value in values.tolist()])
    rare = expected < 5
    cells = [np.append(part[~rare], part[rare].sum()) for part in (observed, expected)]
    return float(stats.chisquare(cells[0], cells[1] * len(counts) / cells[1].sum()).pvalue)


def test_each_claim_is_judged_in_the_numerics_asked_for() -> None:
    """Four honest bfloat16 claims, wholly sampled in bfloat16 and float32 in turn: only float32 mismatches."""
    with SphereWork(DIM) as work:
        claims = {
            who: work.produce(
                Task("HASH", f"key of {who}", "bfloat16", (range(0, 40_000),), LAUNCH.r_target), range(40_000)
            ).nonces.tolist()
            for who in "abcd"
        }
        numerics = ["bfloat16", "float32"] * 2
        state = state_with(claims)
        counts = work.count_contradictions(state.claimed_nonces, sample_of(state, 10**6, numerics))
        expected = [
            count_invalid(
                work.distances("HASH", dtype, [(f"key of {who}", nonce) for nonce in claims[who]]), LAUNCH.r_target
            )
            for who, dtype in zip("abcd", numerics, strict=True)
        ]
    assert counts.tolist() == expected
    assert counts[[0, 2]].tolist() == [0, 0]
    assert min(counts[[1, 3]]) > 0


@pytest.mark.parametrize("kind", ["kernel", "sphere"])
def test_a_claim_with_two_keys_is_re_executed_with_both(kind: str) -> None:
    """Batches of two keys in turn: positions count in the order of the batches."""
    with open_work(kind) as work:
        state = state_with({who: list(range(20)) for who in "abc"}, r_target=1.4)
        keys = {"a": "key of a", "b": "key of b", "c": "key of a"}
        batches = [
            replace(b, creator="x", batch_id=b.creator, proofs=replace(b.proofs, public_key=keys[b.creator]))
            for b in state.proofs.messages
        ]
        state = replace(state, proofs=FiledBatches(Log(batches), Log([41] * len(batches))))
        claims = state.claimed_nonces
        requests = [(keys[who], nonce) for who in "abc" for nonce in range(20)]
        assert claims.participants.tolist() == ["x"]
        assert claims.get_requests(0, np.arange(60)) == requests
        is_bad = work.distances("HASH", "float32", requests) > 1.4
        found = work.count_contradictions(claims, sample_of(state, 25, ["float32"]))
        assert found.tolist() == [is_bad[select_positions(60, 25, 1)].sum()]
        assert 0 < found[0] < 25


# When, and on which ML node: a second implementation, claim by claim


class Remembers:
    """A work that contradicts nothing and notes in which numerics each claim was asked for."""

    def __init__(self) -> None:
        self.numerics: dict[int, str] = {}

    def count_contradictions(self, claims: object, sample: Sample) -> np.ndarray:
        self.numerics.update(zip(sample.places.tolist(), sample.numerics, strict=True))
        return np.zeros(len(sample.places), dtype=np.int64)


def check_naively(sizes: list[int], rates: list[float], changes: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """One claim after another: (time at which it is finished, ML node whose numerics it is checked in).

    Each of `changes` makes an ML node fail, or work again, at a time. Claims after the last failure may never start.
    """
    now, last, ended = 0.0, -1, []
    for size in sizes:
        while not (working := get_working(len(rates), changes, now)):
            later = [time for time, _ in changes if time > now]
            if not later:
                return ended
            now = min(later)
        last = next((node for node in working if node > last), working[0])
        now += size / sum(rates[node] for node in working)
        ended.append((now, last))
    return ended


def get_working(n_nodes: int, changes: list[tuple[float, int]], now: float) -> list[int]:
    toggles = Counter(node for time, node in changes if time <= now)
    return [node for node in range(n_nodes) if toggles[node] % 2 == 0]


def validate(
    sizes: list[int], rates: list[float], changes: list[tuple[float, int]], until: float
) -> tuple[list[tuple[float, str]], list[float]]:
    """Run one host's validation: (time, numerics) of each check in its order, and times at which votes left."""
    env, recorder, work, sent = simpy.Environment(), Recorder(), Remembers(), []
    context = SimpleNamespace(env=env, work=work, recorder=recorder, streams=Streams(1), params=params_with(max(sizes)))
    nodes = [
        MLNode(node + 1, "H100-SXM", 1, 1, rate, dtype=f"numerics of {node}", model="m")
        for node, rate in enumerate(rates)
    ]
    state = state_with({f"p{place:02}": list(range(size)) for place, size in enumerate(sizes)})
    validation = Validation(context, "v", "key", state, "V", Check(), nodes, lambda **_: sent.append(env.now))  # type: ignore[arg-type]

    def change():
        for time, _ in sorted(changes):
            yield env.timeout(time - env.now)
            validation.use([nodes[node] for node in get_working(len(nodes), changes, env.now + 1e-9)])

    env.process(change())
    env.run(until=until)
    validation.stop()
    rows = recorder.validations.build_rows()
    done = rows[rows["n_checked"] > 0]
    places = [int(name[1:]) for name in done["participant"]]
    assert done["n_checked"].tolist() == [sizes[place] for place in places]
    return [(time, work.numerics[place]) for time, place in zip(done["seconds"], places, strict=True)], sent


def get_order(n: int) -> list[int]:
    return Streams(1)("host", "v", "validation order", 1).permutation(n).tolist()


# Times of changes lie off every sum of the others, so that nothing happens at the same moment.
CHANGES = st.lists(st.tuples(st.integers(1, 60).map(lambda k: 0.7310585 * k + 0.0123), st.integers(0, 2)), max_size=8)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=12), CHANGES)
def test_ml_nodes_that_fail_and_come_back(sizes: list[int], changes: list[tuple[float, int]]) -> None:
    """Times and numerics of every check are those of the claim-by-claim rule, whatever fails when."""
    changes = list(dict(changes).items())  # one change at a time
    rates, until = [1.0, 3.0, 0.7], 120.0
    expected = check_naively([sizes[place] for place in get_order(len(sizes))], rates, changes)
    expected = [(time, node) for time, node in expected if time <= until]
    found, _ = validate(sizes, rates, changes, until)
    assert [numerics for _, numerics in found] == [f"numerics of {node}" for _, node in expected]
    assert [time for time, _ in found] == pytest.approx([time for time, _ in expected], rel=1e-12)


def test_a_failure_in_numbers() -> None:
    """Claims of 10 nonces, ML nodes of 1 and 4 nonces/s: 2 s each; with the first alone 10 s each.

    The second fails at 3 s: the check in progress ends at 4 s as begun. Both work again from 15 s on: the check that
    began at 14 s takes 10 s all the same, and turns go on with the second node, whose turn would be next.
    """
    found, _ = validate([10] * 6, [1.0, 4.0], [(3.0, 1), (15.0, 1)], 60.0)
    assert [time for time, _ in found] == [2.0, 4.0, 14.0, 24.0, 26.0, 28.0]
    assert [numerics[-1] for _, numerics in found] == ["0", "1", "0", "0", "1", "0"]


def test_without_an_ml_node_a_validator_waits() -> None:
    """Both fail at 1 s and are back at 21 s: the check in progress ends at 2 s, the next one at 23 s."""
    found, _ = validate([10] * 3, [1.0, 4.0], [(1.0, 0), (1.1, 1), (21.0, 0), (21.0001, 1)], 60.0)
    assert [time for time, _ in found] == pytest.approx([2.0, 31.0, 33.0])
    assert [numerics[-1] for _, numerics in found] == ["0", "0", "1"]


def test_votes_leave_with_the_senders_period_and_none_after_the_end() -> None:
    found, sent = validate([10] * 9, [1.0], [], 47.0)
    assert [time for time, _ in found] == [10.0, 20.0, 30.0, 40.0]
    assert sent == [10.0, 20.0, 30.0, 40.0]
    found, sent = validate([4] * 9, [1.0], [], 23.0)
    assert [time for time, _ in found] == [4.0, 8.0, 12.0, 16.0, 20.0]
    assert sent == [5.0, 10.0, 15.0, 20.0]
    found, sent = validate([4] * 9, [1.0], [], 18.0)
    assert len(found) == 4
    assert sent == [5.0, 10.0, 15.0]  # what was finished at 16 s did not leave any more


@pytest.mark.parametrize("tier", ["paths", "events"])
def test_a_fault_of_an_ml_node_in_a_whole_run(tier: str) -> None:
    """One of two ML nodes of a host fails in the middle of VALIDATE: its checks end when the second rule says so."""
    changes = {"network.tier": tier, "epochs": 2, "work.rate_factor": 0.1}
    clean = run(**changes)
    mine = clean.validations.query("validator == 'pair-0' and epoch == 1").sort_values("seconds")
    times = mine["seconds"].tolist()
    nodes = clean.ml_nodes.query("participant == 'pair-0' and epoch == 1").sort_values("node_id")
    rates, sizes = nodes["nonces_per_second"].tolist(), mine["n_checked"].tolist()
    start = times[0] - sizes[0] / sum(rates)
    at = (times[1] + times[2]) / 2
    faulty = run(**changes, faults=[{"kind": "ml_node", "hosts": ["pair-0"], "node": 1, "at": f"{at} s"}])
    expected = check_naively(sizes, rates, [(at - start, 0)])
    after = faulty.validations.query("validator == 'pair-0' and epoch == 1").set_index("participant")
    for participant, (time, _) in zip(mine["participant"], expected, strict=True):
        row = after.loc[participant]
        if row["n_checked"] == 0:
            assert start + time > row["seconds"]
        else:
            assert row["seconds"] == pytest.approx(start + time, abs=1e-6)
    assert (after["seconds"].to_numpy() > times[-1] + 0.1).any()


# Verdicts on their way


@pytest.mark.parametrize("tier", ["paths", "events"])
def test_verdicts_leave_with_the_senders_period(tier: str) -> None:
    """Every bundle leaves a whole number of periods after V reached its sender, with all that ended since the last."""
    result = run(**{"work.rate_factor": 0.05, "epochs": 2, "network.tier": tier})
    sent = result.transactions[result.transactions["kind"] == "SubmitValidation"]
    checks = result.validations
    assert (sent.groupby(["creator", "epoch"]).size() > 1).any()
    for (creator, epoch), mine in sent.groupby(["creator", "epoch"]):
        times = mine["created_seconds"].to_numpy()
        gaps = np.diff(times) / PERIOD
        assert np.allclose(gaps, np.round(gaps))
        his = (checks["validator"] == creator) & (checks["epoch"] == epoch) & (checks["vote"] != "out of time")
        ended = checks.loc[his, "seconds"].to_numpy()
        for before, time, n_bytes in zip([times[0] - PERIOD, *times], times, mine["size_bytes"], strict=False):
            n_ended = np.count_nonzero((ended > max(before, time - PERIOD) - 1e-9) & (ended <= time + 1e-9))
            assert n_bytes == VERDICT_BYTES * n_ended


def test_verdicts_that_fit_no_block_together_leave_apart() -> None:
    """Room for two verdicts in a block: nothing is lost, and nothing larger than the room is sent."""
    limit = 2000 + 2 * VERDICT_BYTES + 100
    narrow = {"network.tier": "paths", "work.kind": "sphere", "epochs": 2, "protocol.block_max_bytes": f"{limit} B"}
    result = sim.run("tests/data/small.yaml", overrides=narrow)
    votes = result.transactions[result.transactions["kind"] == "SubmitValidation"]
    assert votes["size_bytes"].max() == 2 * VERDICT_BYTES
    n_said = int(result.validations["vote"].isin(["valid", "fraud"]).sum())
    n_sent = int(votes["size_bytes"].sum()) // VERDICT_BYTES
    assert n_said - n_sent <= 6  # a host's last period may end after VE
    assert n_sent > 20


def test_who_is_too_slow_runs_out_of_time() -> None:
    result = run(**{"work.rate_factor": 0.0275, "epochs": 2, "protocol.validation_sample_size": 200})
    late = result.validations[result.validations["vote"] == "out of time"]
    assert len(late) > 0
    assert (late["n_checked"] == 0).all()
    assert (late["n_invalid"] == 0).all()
    assert (late["p_value"] == 1.0).all()
    summary = result.frames["validation_summary"].set_index(["epoch", "validator"])["n_out_of_time"]
    assert summary[summary > 0].to_dict() == late.groupby(["epoch", "validator"]).size().to_dict()


def test_a_cheater_is_caught_in_any_numerics() -> None:
    result = run()
    assert set(result.participants.loc[~result.participants["is_accepted"], "participant"]) == {"liar-0"}
    checks = result.validations
    assert (checks.loc[checks["participant"] == "liar-0", "n_invalid"] > 0).all()


# Whom


def test_a_committee_checks_only_whom_it_was_drawn_for() -> None:
    result = run(**{"protocol.validation_committee": 4, "epochs": 2, "work.rate_factor": 1.0})
    judged = result.participants
    assert (judged["total_vote_weight"] == 4).all()
    per_participant = result.validations.groupby(["epoch", "participant"]).size()
    assert per_participant.max() <= 4
    assert per_participant.min() >= 1
    assert len(result.validations) < 6 * len(judged)
    decided = judged["valid_vote_weight"] + judged["invalid_vote_weight"]
    assert (decided <= 4).all()
    assert (judged.loc[judged["is_accepted"], "valid_vote_weight"] * 3 > 8).all()
    liar = judged[judged["participant"] == "liar-0"]
    assert (liar["invalid_vote_weight"] > 0).any()


def test_guardians_check_everybody_where_committees_judge() -> None:
    result = run(**{"protocol.validation_committee": 1, "epochs": 2, "hosts.pair.guardian": True})
    checked = result.validations.query("epoch == 1").groupby("validator")["participant"].nunique()
    assert (checked[["pair-0", "pair-1"]] == 6).all()
    others = checked.drop(["pair-0", "pair-1"])
    assert others.sum() <= 6


# No size of network is special


def test_nothing_jumps_between_45_and_55_hosts() -> None:
    """Verdicts, vote transactions and late transactions of eleven networks around a size that once was special.

    Verdicts are those of all pairs of hosts in time: a parabola in the number of hosts, to 1 %. Vote transactions are
    bundles of hosts that each go on 1/50 longer with one more host, or until the window ends: a line, to 4 %. The share
    of late transactions is the same from 45 to 49 and from 50 to 55 hosts: difference of two shares, two-sided. A
    factor 1.2 in one of the first two or 2 in the last from 50 hosts on is found with probability above 0.99.
    """
    sizes = np.arange(45, 56)
    verdicts, votes, late, total = np.array([count_transactions(n) for n in sizes.tolist()]).T
    assert get_residual(sizes, verdicts, 2) < 0.01
    assert get_residual(sizes, votes, 1) < 0.04
    small = sizes < 50
    share = late.sum() / total.sum()
    error = math.sqrt(share * (1 - share) * (1 / total[small].sum() + 1 / total[~small].sum()))
    assert share > 0.005
    assert abs(late[small].sum() / total[small].sum() - late[~small].sum() / total[~small].sum()) < Z * error


def count_transactions(n_hosts: int) -> tuple[int, int, int, int]:
    """Verdicts, vote transactions, late transactions and all transactions of a run."""
    result = sim.run("tests/data/around-fifty.yaml", overrides={"hosts.fast.count": n_hosts - 28})
    sent = result.transactions
    is_vote = sent["kind"] == "SubmitValidation"
    n_verdicts = int(sent.loc[is_vote, "size_bytes"].sum()) // VERDICT_BYTES
    return n_verdicts, int(is_vote.sum()), int((sent["result"] == "outside its window").sum()), len(sent)


def get_residual(x: np.ndarray, y: np.ndarray, degree: int) -> float:
    """Largest relative distance from the polynomial of least squares."""
    law = np.polynomial.Polynomial.fit(x, y, degree)(x)
    return float(np.abs(y / law - 1).max())
