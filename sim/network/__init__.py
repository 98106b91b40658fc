"""The network: links with latency and bandwidth, and the gossip that runs over them."""
