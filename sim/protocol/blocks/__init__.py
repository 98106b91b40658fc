"""The chain as a whole: its state after a block, and how a block changes it."""
