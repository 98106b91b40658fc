import dataclasses

import pytest

from pow.proofs import ProofBatch

BATCH = ProofBatch(
    public_key="key", block_hash="AB", block_height=300, nonces=(1, 5, 5), distances=(1.39, 0.0, 1.4), node_id=1
)


def test_a_batch_may_hold_what_a_cheater_writes() -> None:
    assert len(BATCH) == 3  # the duplicate counts, as on the chain
    assert dataclasses.replace(BATCH, distances=(1.9, 7.0, 1e300)).distances[2] == 1e300
    assert dataclasses.replace(BATCH, node_id=None) != BATCH
    assert hash(BATCH) == hash(dataclasses.replace(BATCH))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nonces": (), "distances": ()}, "nonces is empty; a proof batch holds at least one nonce"),
        ({"distances": (1.0, 1.0)}, "there are 3 nonces but 2 distances"),
        ({"nonces": (1, -5, 6)}, "nonce is -5; it must be at least 0"),
        ({"distances": (1.0, float("nan"), 1.0)}, "the distance of nonce 5 is nan; it must be finite and at least 0"),
        ({"distances": (float("inf"), 1.0, 1.0)}, "the distance of nonce 1 is inf; it must be finite"),
        ({"distances": (1.0, 1.0, -0.1)}, r"the distance of nonce 5 is -0\.1; it must be finite and at least 0"),
        ({"block_height": 0}, "block_height is 0; it must be at least 1"),
        ({"node_id": -1}, "node_id is -1; it must be at least 0"),
    ],
)
def test_stateless_checks(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(BATCH, **change)
