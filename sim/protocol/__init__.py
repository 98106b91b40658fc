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
9. `proofs.base`       what a proof scheme is: messages, claims, samples, what controllers learn
10. `proofs.hits`      the scheme of PoW 2.0: a nonce counts near the target, and is listed
11. `proofs.filed`     messages that list nonces, as the chain files and counts them
12. `proofs.claimed`   all claims as arrays, as validators read them
13. `proofs.tries`     what claimed nonces tell of the tries behind them
14. `proofs.success`   valid nonces / tries, while some hosts lie
15. `sampling`         which nonces a validator re-executes; uniform numbers that everybody derives alike
16. `votes`            who is accepted, who is rejected and why
17. `committee`        who may judge a participant where not everybody does
18. `weights`          counted nonces, merged and capped weight
19. `preserved`        ML nodes that keep their weight without proof
20. `formation`        from accepted claims to weights
21. `judging`          every claim against the votes; `fast` has it once more, for all votes at once, and that one runs

Money

22. `rewards`          emission and its distribution
23. `settlements`      a reward between its settlement and its claim or its end
24. `vesting`          what a claim unlocks, slice by slice
25. `collateral`       the weight that a deposit activates, slashing, the way out
26. `claims`           which inferences a participant had to validate before it may claim
27. `inference_status` downtime, miss test, INVALID
28. `pricing`          the price of a token
29. `confirmation`     a random re-check of the weights inside an epoch
30. `guardians`        the early network's consensus power
31. `payments`         every movement of coins, as rows

Several models, as since 2026; no scenario has them yet

32. `coefficients`     what a nonce of each model is worth

The chain as a whole

33. `records`          what happened in a block, as rows, each with the columns that show it
34. `log`              an append-only list whose versions share their storage
35. `state`            what the chain knows after a block
36. `service`          what inferences do: prices, fees, statuses, counts
37. `observations`     what a controller may know of an epoch
38. `settling`         VE, first: the accounts of the epoch that ends
39. `epochs`           the edges P, VE and S
40. `running`          what happens between two proofs of compute
41. `blocks`           `apply_block`: state and block -> next state

No SimPy, no torch, no random draw: everything here can be tested in microseconds.
"""
