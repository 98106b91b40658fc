"""The chain's rules as pure functions from values to values: read it like a specification.

Time and versions

1. `versions`          what differs between v0.2.0 and v0.2.6, as one table of switches
2. `params`            the parameters that the chain carries
3. `stages`            heights of an epoch, its stages and windows; which epoch a height belongs to

Messages

4. `transactions`      what participants send, how large it is
5. `checks`            what the chain checks in it, and what it does not
6. `proposer`          who proposes a block
7. `consensus`         rounds of propose, prevote and precommit, from times of arrival

Proof of compute

8. `nonces`            which nonces an ML node tries
9. `claimed_nonces`    every claim, as validators read it
10. `sampling`          which nonces a validator re-executes; uniform numbers that everybody derives alike
11. `votes`             who is accepted, who is rejected and why
12. `committee`         who may judge a participant where not everybody does
13. `weights`           counted nonces, merged and capped weight
14. `preserved`         ML nodes that keep their weight without proof
15. `formation`         from stored batches to weights
16. `judging`           every claim against the votes; `fast` has it once more, for all votes at once, and that one runs

Money

17. `rewards`           emission and its distribution
18. `settlements`       a reward between its settlement and its claim or its end
19. `vesting`           what a claim unlocks, slice by slice
20. `collateral`        the weight that a deposit activates, slashing, the way out
21. `claims`            which inferences a participant had to validate before it may claim
22. `inference_status`  downtime, miss test, INVALID
23. `pricing`           the price of a token
24. `confirmation`      a random re-check of the weights inside an epoch
25. `guardians`         the early network's consensus power
26. `payments`          every movement of coins, as rows

Several models, as since 2026; no scenario has them yet

27. `coefficients`      what a nonce of each model is worth

The chain as a whole

28. `records`           what happened in a block, as rows, each with the columns that show it
29. `log`               an append-only list whose versions share their storage
30. `state`             what the chain knows after a block
31. `service`           what inferences do: prices, fees, statuses, counts
32. `success`           valid nonces / tries, as nonces tell
33. `observations`      what a controller may know of an epoch
34. `settling`          VE, first: the accounts of the epoch that ends
35. `epochs`            the edges P, VE and S
36. `running`           what happens between two proofs of compute
37. `blocks`            `apply_block`: state and block -> next state

No SimPy, no torch, no random draw: everything here can be tested in microseconds.
"""
