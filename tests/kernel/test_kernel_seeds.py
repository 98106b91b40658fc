import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pow.seeds import check_nonce, entropy, generator, input_generator, nonce_range, permutation_generator


def test_golden_entropy(rng_case) -> None:
    words = entropy(rng_case["seed_string"], rng_case["num_hashes"])
    assert words.dtype == np.uint32
    assert words.tolist() == rng_case["entropy_u32"]


def test_golden_draws(rng_case, sha256) -> None:
    def fresh() -> np.random.Generator:
        return generator(rng_case["seed_string"], rng_case["num_hashes"])

    assert fresh().bit_generator.random_raw(4).tolist() == rng_case["raw_u64_first4"]
    normals = fresh().standard_normal(10_000)
    assert normals[:8].tolist() == rng_case["standard_normal_first8"]
    assert sha256(normals) == rng_case["standard_normal_10000_sha256"]
    order = fresh().permutation(64)
    assert order[:16].tolist() == rng_case["permutation64_first16"]
    assert sha256(order.astype(np.int64)) == rng_case["permutation64_sha256"]
    assert fresh().normal(0.0, 0.02, 4).tolist() == rng_case["normal_0_0p02_first4"]


def test_golden_nonces(nonce_iterator_case) -> None:
    case = dict(nonce_iterator_case)
    expected = case.pop("first20")
    assert list(nonce_range(**case)[:20]) == expected


@settings(deadline=None)  # a busy machine is no failure
@given(
    n_nodes=st.integers(1, 6),
    n_groups=st.lists(st.integers(1, 5), min_size=6, max_size=6),
)
def test_nonces_of_nodes_dispatched_together_never_collide(n_nodes: int, n_groups: list[int]) -> None:
    found = [
        nonce
        for node_id in range(1, n_nodes + 1)
        for group_id in range(n_groups[node_id - 1])
        for nonce in nonce_range(node_id, n_nodes, group_id, n_groups[node_id - 1])[:30]
    ]
    assert len(found) == len(set(found))


def test_input_and_permutation_are_spelled_differently() -> None:
    drawn = input_generator("hash", "key", 17).standard_normal(3)
    assert drawn.tolist() == generator("hash_key_nonce17", 4).standard_normal(3).tolist()
    order = permutation_generator("hash", "key", 17).permutation(9)
    assert order.tolist() == generator("hash_key_nonce_17_permutations", 1).permutation(9).tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 0), "n_nodes is 0; it must be at least 1"),
        ((1, 1, 0, 0), "n_groups is 0; it must be at least 1"),
        ((-1, 2), "node_id is -1; it must be at least 0"),
        ((1, 2, 3, 3), "group_id is 3; it must be at least 0 and below n_groups, which is 3"),
        ((1, 2, -1, 3), "group_id is -1; it must be at least 0 and below n_groups, which is 3"),
    ],
)
def test_mistakes_in_a_range_of_nonces_show_at_once(arguments: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nonce_range(*arguments)


@pytest.mark.parametrize("nonce", [-1, 2**63, -(2**70)])
def test_nonce_bounds(nonce: int) -> None:
    with pytest.raises(ValueError, match=rf"nonce is {nonce}; it must be at least 0 and below 2\^63"):
        check_nonce(nonce)


@pytest.mark.parametrize("nonce", [1.0, "1", True, np.True_, None])
def test_a_nonce_is_an_integer(nonce: object) -> None:
    with pytest.raises(TypeError, match="it must be an integer"):
        check_nonce(nonce)


def test_numpy_integers_are_nonces() -> None:
    assert check_nonce(np.uint64(2**63 - 1)) == 2**63 - 1


def test_seed_mistakes() -> None:
    with pytest.raises(ValueError, match="n_hashes is 0; it must be at least 1"):
        entropy("seed", 0)
    with pytest.raises(TypeError, match=r"block_hash is b'AB'; it must be text"):
        input_generator(b"AB", "key", 0)
    with pytest.raises(TypeError, match=r"public_key is None; it must be text"):
        permutation_generator("AB", None, 0)
