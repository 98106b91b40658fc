"""Inferences: the chain's counts of them, and the consequences for the hosts that serve."""
