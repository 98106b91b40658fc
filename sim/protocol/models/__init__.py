"""Several models in one network: their groups, weight, votes, and the ML nodes that skip a proof of compute."""
