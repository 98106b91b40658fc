"""Rules a second time, by arrays, for large networks: same name, same signature, same answer as in `sim.protocol`.

`epochs` takes `judge_claims` from here. A test holds each against the readable rule.
"""
