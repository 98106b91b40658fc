"""The chain's rules as pure functions from values to values, in five rooms: read it like a specification.

Versions

1. `versions`                 v0.2.0 to v0.2.6, as one table of switches

Consensus: messages, and how validators agree

2. `consensus.transactions`   messages of participants, and their sizes
3. `consensus.validators`     guardians' power, the members that take part, the proposer of a block
4. `consensus.rounds`         rounds of propose, prevote and precommit, from times of arrival

Proofs: the worth of computing

5. `proofs.base`              the protocol of proof schemes: messages, claims, samples, observations
6. `proofs.hits`              the scheme of PoW 2.0: a nonce counts near the target, and is listed
7. `proofs.filed`             messages that list nonces, as the chain files and counts them
8. `proofs.log`               an append-only list whose versions share their storage
9. `proofs.claimed`           all claims as arrays, as validators read them
10. `proofs.draws`            nonces that an ML node tries, and those that a validator re-executes
11. `proofs.tries`            the tries behind claimed nonces, from their places
12. `proofs.success`          valid nonces / tries, while some hosts lie
13. `proofs.votes`            the tests by which a participant is accepted or rejected
14. `proofs.committee`        the members that judge a participant, where not all do
15. `proofs.weights`          counted nonces, merged and capped weight
16. `proofs.preserved`        ML nodes that keep their weight without proof
17. `proofs.confirmation`     a random re-check of the weights inside an epoch

Money: emission, accounts, deposits, prices

18. `money.rewards`           emission and its distribution
19. `money.accounts`          a reward until its claim or its end, then slice by slice
20. `money.collateral`        the weight that a deposit activates, slashing, the way out
21. `money.pricing`           the price of a token

Service: inferences

22. `service.misses`          the miss test and its tables
23. `service.status`          the standing of a participant, by a z-test until v0.2.4
24. `service.sequential`      its standing from v0.2.5 on, by sequential tests
25. `service.due_validations` which inferences a participant had to validate before it may claim
26. `service.inferences`      effects of inferences: prices, fees, statuses, counts

Blocks: the chain as a whole

27. `blocks.params`           the parameters that the chain carries
28. `blocks.stages`           heights of an epoch, its stages and windows; which epoch a height belongs to
29. `blocks.records`          the rows that the rules write about a block, with their columns
30. `blocks.state`            the chain's state after a block
31. `blocks.payments`         every movement of coins, as rows
32. `blocks.checks`           checks of a message, and the checks that the chain omits
33. `blocks.judging`          every claim against the votes; `blocks.fast` counts all votes at once, and that one runs
34. `blocks.formation`        from accepted claims to weights
35. `blocks.observations`     a finished epoch, as a controller may see it
36. `blocks.settling`         VE, first: the accounts of the epoch that ends
37. `blocks.standing`         on becoming INVALID or INACTIVE: collateral, reputation, place in the group
38. `blocks.epochs`           the edges P, VE and S
39. `blocks.running`          between two proofs of compute: inferences, confirmations
40. `blocks.transition`       `apply_block`: state and block -> next state

A room knows the rooms before it, and only those: consensus, proofs, (versions,) money, service, blocks. No SimPy, no
torch, no random draw: everything here can be tested in microseconds.
"""

from sim.protocol.proofs.merkle_sum import MerkleSumTree, verify

__all__ = ["MerkleSumTree", "verify"]
