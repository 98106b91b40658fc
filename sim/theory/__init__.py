"""Is it true? Each row holds a quantity of ours against theory or published data, at a stated error level."""

from sim.theory.row import Row
from sim.theory.rows import compute_rows

__all__ = ["Row", "compute_rows"]
