"""The worth of computing. A proof scheme (`base`) says what a host may claim, and how chain and hosts deal with it.

A scheme is an entry in the table of versions. Its decisions stand in its file; the rules that all schemes share
(blocks, votes, weights after the count, rewards) asks the scheme in force and never names one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.registry import Registry

if TYPE_CHECKING:
    from sim.protocol.proofs.base import ProofScheme

schemes: Registry[ProofScheme] = Registry("proof scheme", "powsim.schemes", package=__name__)
