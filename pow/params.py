"""A proof-of-work model is defined by its architecture (`PowParams`) and its numerics (`Mode`).

Both are plain data and know nothing of torch. Reference: kernel 2, 6
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

POOL_FRACTION: Final = 0.05
MIN_POOL_SIZE: Final = 50_000


@dataclass(frozen=True, kw_only=True)
class PowParams:
    """The architecture of a Llama-3-style decoder. Reference: kernel 2

    Raises ValueError if a field is not positive, if the heads do not divide the width, or if the key/value heads do not
    divide the heads; TypeError if a count is not an integer.
    """

    dim: int
    n_layers: int
    n_heads: int
    n_kv_heads: int
    vocab_size: int
    ffn_dim_multiplier: float
    multiple_of: int
    norm_eps: float = 1e-5
    rope_theta: float
    use_scaled_rope: bool
    seq_len: int

    def __post_init__(self) -> None:
        for name in ("dim", "n_layers", "n_heads", "n_kv_heads", "vocab_size", "multiple_of", "seq_len"):
            _check_count(name, getattr(self, name))
        for name in ("ffn_dim_multiplier", "norm_eps", "rope_theta"):
            _check_positive(name, getattr(self, name))
        if self.vocab_size < 2:
            raise ValueError(f"vocab_size is {self.vocab_size}; a distance needs at least 2 dimensions")
        _check_divides("n_heads", self.n_heads, "dim", self.dim)
        _check_divides("n_kv_heads", self.n_kv_heads, "n_heads", self.n_heads)
        if self.head_dim % 2:
            raise ValueError(
                f"head_dim = dim / n_heads = {self.dim} / {self.n_heads} = {self.head_dim} is odd; "
                "rotary embedding turns pairs, so it must be even"
            )
        if self.hidden_dim == 0:
            raise ValueError(
                f"ffn_dim_multiplier is {self.ffn_dim_multiplier}; with dim {self.dim} the feed-forward has no width"
            )

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.dim // self.n_heads

    @property
    def kv_dim(self) -> int:
        """Width of all key heads together (and of all value heads)."""
        return self.n_kv_heads * self.head_dim

    @property
    def hidden_dim(self) -> int:
        """Hidden width of the feed-forward layers: a multiple of `multiple_of`."""
        width = int(self.ffn_dim_multiplier * int(2 * (4 * self.dim) / 3))
        return -(-width // self.multiple_of) * self.multiple_of

    @property
    def n_parameters(self) -> int:
        """Number of all parameter elements, the unused token embeddings included."""
        attention = 2 * self.dim * self.dim + 2 * self.kv_dim * self.dim
        feed_forward = 3 * self.dim * self.hidden_dim
        return self.n_layers * (attention + feed_forward + 2 * self.dim) + self.dim + 2 * self.vocab_size * self.dim

    @property
    def pool_size(self) -> int:
        """Number of values that all parameters are cut from."""
        return max(MIN_POOL_SIZE, int(self.n_parameters * POOL_FRACTION))


def _check_count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is {value!r}; it must be an integer")
    if value < 1:
        raise ValueError(f"{name} is {value}; it must be at least 1")


def _check_positive(name: str, value: float) -> None:
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} is {value}; it must be positive and finite")


def _check_divides(name: str, divisor: int, of_name: str, of: int) -> None:
    if of % divisor:
        raise ValueError(f"{name} is {divisor}; it must divide {of_name}, which is {of}")


PRESETS: Final[dict[str, PowParams]] = {
    "mainnet": PowParams(
        dim=1792,
        n_layers=64,
        n_heads=64,
        n_kv_heads=64,
        vocab_size=8196,
        ffn_dim_multiplier=10.0,
        multiple_of=8192,
        rope_theta=10_000.0,
        use_scaled_rope=False,
        seq_len=256,
    ),
    "testnet": PowParams(
        dim=1024,
        n_layers=32,
        n_heads=32,
        n_kv_heads=32,
        vocab_size=8196,
        ffn_dim_multiplier=10.0,
        multiple_of=2048,
        rope_theta=10_000.0,
        use_scaled_rope=False,
        seq_len=128,
    ),
    "devtest": PowParams(
        dim=512,
        n_layers=16,
        n_heads=16,
        n_kv_heads=16,
        vocab_size=8192,
        ffn_dim_multiplier=1.3,
        multiple_of=1024,
        rope_theta=500_000.0,
        use_scaled_rope=True,
        seq_len=4,
    ),
    "whitepaper": PowParams(
        dim=512,
        n_layers=64,
        n_heads=128,
        n_kv_heads=128,
        vocab_size=8192,
        ffn_dim_multiplier=16.0,
        multiple_of=1024,
        rope_theta=500_000.0,
        use_scaled_rope=True,
        seq_len=4,
    ),
    "tiny": PowParams(
        dim=64,
        n_layers=2,
        n_heads=4,
        n_kv_heads=4,
        vocab_size=128,
        ffn_dim_multiplier=1.3,
        multiple_of=32,
        rope_theta=500_000.0,
        use_scaled_rope=True,
        seq_len=4,
    ),
}
"""The named parameter sets: `mainnet` (V2), `testnet` (V1), `devtest`, `whitepaper`, and `tiny` for tests."""


@dataclass(frozen=True)
class Mode:
    """Which number type each step of the kernel uses, by name. Reference: kernel 3, 6

    - `data`: the pool, the inputs and the rotary table are rounded to it;
    - `linear`: the linear layers inside the blocks;
    - `working`: the residual stream and everything else, the output head included;
    - `wide`: means in the norms, rotary arithmetic, softmax, and the logits handed over.
    """

    name: str
    data: str
    linear: str
    working: str
    wide: str


MODES: Final[dict[str, Mode]] = {
    mode.name: mode
    for mode in (
        Mode("float16", data="float16", linear="float16", working="float16", wide="float32"),
        Mode("float32", data="float32", linear="float32", working="float32", wide="float32"),
        Mode("bfloat16", data="bfloat16", linear="bfloat16", working="bfloat16", wide="float32"),
        Mode("f16data_f32compute", data="float16", linear="float32", working="float32", wide="float32"),
        Mode("f16data_f64compute", data="float16", linear="float64", working="float64", wide="float64"),
        Mode("f16data_bf16linears_f32resid", data="float16", linear="bfloat16", working="float32", wide="float32"),
        Mode("f16data_bf16compute", data="float16", linear="bfloat16", working="bfloat16", wide="float32"),
    )
}
ALIASES: Final[dict[str, str]] = {"mixed": "f16data_bf16linears_f32resid"}
DTYPES: Final[tuple[str, ...]] = (*MODES, *ALIASES)
"""Every name that a `dtype` argument accepts."""


def mode_of(dtype: str) -> Mode:
    """Give the mode of a `dtype` name. Raises ValueError with the known names."""
    name = ALIASES.get(dtype, dtype)
    if name not in MODES:
        raise ValueError(f"unknown dtype {dtype!r}; known are {', '.join(DTYPES)}")
    return MODES[name]
