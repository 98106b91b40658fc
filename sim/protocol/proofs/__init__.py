"""What computing is worth. A proof scheme says what a host may claim, and how chain and hosts deal with it (`base`).

A scheme is a row of the table of versions. What it decides stands in its file; what is the same for all schemes
(blocks, votes, weights after the count, rewards) asks the scheme in force and never names one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.registry import Registry

if TYPE_CHECKING:
    from sim.protocol.proofs.base import ProofScheme

schemes: Registry[ProofScheme] = Registry("proof scheme", "powsim.schemes", package=__name__)
