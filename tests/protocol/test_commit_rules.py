"""What the chain takes of commitments; `powsim theory` has the network's own numbers."""

import pytest

from sim.protocol.proofs.commit_rules import (
    CommitEntry,
    CommitFault,
    StoredCommit,
    check_commit,
    check_distribution,
    compute_commit_gas,
    count_rise,
)

ROOT = bytes(32)
STORED = {"m": StoredCommit(10, ROOT, 100)}


def check(*entries: CommitEntry, height: int = 101) -> CommitFault | None:
    return check_commit(entries, STORED, height, ("m", "n"))


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (CommitEntry("k", 11, ROOT), CommitFault.UNKNOWN_MODEL),
        (CommitEntry("m", 11, ROOT[1:]), CommitFault.BAD_ROOT),
        (CommitEntry("m", 10, ROOT), CommitFault.NOT_RISING),
        (CommitEntry("m", 9, ROOT), CommitFault.NOT_RISING),
    ],
)
def test_one_bad_entry_refuses_the_message(bad: CommitEntry, fault: CommitFault) -> None:
    good = CommitEntry("n", 1, ROOT)
    assert check(good) is None
    assert check(bad) is check(good, bad) is check(bad, good) is fault


def test_one_commitment_of_a_model_in_a_block() -> None:
    more = CommitEntry("m", 11, ROOT)
    assert check(more) is None
    assert check(more, height=100) is CommitFault.SAME_BLOCK
    assert check(more, CommitEntry("m", 12, ROOT)) is CommitFault.SAME_BLOCK
    assert check() is CommitFault.NO_ENTRY
    assert check(CommitEntry("n", 0, ROOT)) is CommitFault.NOT_RISING


def test_gas_counts_the_rise_of_all_models() -> None:
    rise = count_rise([CommitEntry("m", 15, ROOT), CommitEntry("n", 4, ROOT)], STORED)
    assert (rise, compute_commit_gas(rise, is_first=True)) == (9, 500_900)


@pytest.mark.parametrize(
    ("node_counts", "fault"),
    [({1: 4, 2: 6}, None), ({1: 4, 2: 5}, CommitFault.WRONG_SUM), ({1: 11}, CommitFault.WRONG_SUM)],
)
def test_a_distribution_adds_up(node_counts: dict[int, int], fault: CommitFault | None) -> None:
    assert check_distribution(node_counts, STORED["m"]) is fault
    assert check_distribution(node_counts, None) is CommitFault.NO_COMMITMENT
