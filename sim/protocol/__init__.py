"""The chain's rules as pure functions from values to values: read it like a specification.

1. `versions`      what differs between v0.2.0 and v0.2.6, as one table of switches
2. `params`        the parameters that the chain carries
3. `stages`        heights of an epoch, its stages and windows
4. `transactions`  what participants send, how large it is
5. `proposer`      who proposes a block
6. `sampling`      which nonces a validator re-executes
7. `votes`         who is accepted, who is rejected and why
8. `weights`       claimed, accepted and capped weight
9. `rewards`       emission and its distribution
10. `state`        what the chain knows after a block
11. `epochs`       what happens at the edges P, VE and S
12. `blocks`       `apply_block`: state and block -> next state

Money, each page on its own:

- `settlements`       a reward between its settlement and its claim or its end
- `claims`            which inferences a participant had to validate before it may claim
- `inference_status`  downtime, miss test, INVALID
- `vesting`           what a claim unlocks, slice by slice
- `collateral`        the weight that a deposit activates, slashing, the way out
- `pricing`           the price of a token
- `confirmation`      a random re-check of the weights inside an epoch
- `guardians`         the early network's consensus power
- `uniforms`          uniform numbers that everybody derives alike

No SimPy, no torch, no random draw: everything here can be tested in microseconds.
"""
