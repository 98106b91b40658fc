"""The chain as a whole: what it knows after a block, and how a block changes that."""
