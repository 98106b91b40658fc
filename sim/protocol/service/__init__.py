"""Inferences: what the chain counts of them, and what follows for those who serve."""
