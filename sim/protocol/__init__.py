"""The chain's rules as pure functions from values to values: read it like a specification.

Time and versions

1. `versions`          what differs between v0.2.0 and v0.2.6, as one table of switches
2. `params`            the parameters that the chain carries
3. `stages`            heights of an epoch, its stages and windows; which epoch a height belongs to

Messages

4. `transactions`      what participants send, how large it is
5. `checks`            what the chain checks in it, and what it does not
6. `proposer`          who proposes a block

Proof of compute

7. `nonces`            which nonces an ML node tries
8. `sampling`          which nonces a validator re-executes
9. `votes`             who is accepted, who is rejected and why
10. `weights`          counted nonces, merged and capped weight
11. `preserved`        ML nodes that keep their weight without proof
12. `formation`        from stored batches to weights

Money

13. `rewards`          emission and its distribution
14. `settlements`      a reward between its settlement and its claim or its end
15. `vesting`          what a claim unlocks, slice by slice
16. `collateral`       the weight that a deposit activates, slashing, the way out
17. `claims`           which inferences a participant had to validate before it may claim
18. `inference_status` downtime, miss test, INVALID
19. `pricing`          the price of a token
20. `confirmation`     a random re-check of the weights inside an epoch
21. `guardians`        the early network's consensus power
22. `uniforms`         uniform numbers that everybody derives alike
23. `payments`         every movement of coins

Several models, as since 2026; no scenario has them yet

24. `coefficients`     what a nonce of each model is worth

The chain as a whole

25. `state`            what the chain knows after a block
26. `service`          what inferences do: prices, fees, statuses, counts
27. `observations`     what a controller may know of an epoch
28. `settling`         VE, first: the accounts of the epoch that ends
29. `epochs`           the edges P, VE and S
30. `running`          what happens between two proofs of compute
31. `blocks`           `apply_block`: state and block -> next state

No SimPy, no torch, no random draw: everything here can be tested in microseconds.
"""
