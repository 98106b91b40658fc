"""The chain: each host's mempool and height, the agreed blocks, and their production."""
