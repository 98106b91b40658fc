"""Who does the computing: the real kernel (`kernel`, the only door to torch) or the exact law (`sphere`, its twin).

What computes is imported only when it is opened: torch and scipy take long to load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.registry import Registry

if TYPE_CHECKING:
    from sim.work.base import WorkKind

works: Registry[WorkKind] = Registry("kind of work", "powsim.work", package="sim.work.kinds")
