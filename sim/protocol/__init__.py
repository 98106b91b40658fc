"""The chain's rules as pure functions from values to values, in six rooms: read it like a specification.

Versions

- `switches`                  what differs between versions, and what-ifs
- `versions`                  v0.2.0 to v0.2.16, as one table of switches

Consensus: messages, and how validators agree

- `consensus.transactions`    messages of participants, and their sizes
- `consensus.validators`      guardians' power, the members that take part, the proposer of a block
- `consensus.rounds`          rounds of propose, prevote and precommit, from times of arrival

Proofs: the worth of computing

- `proofs.base`               the protocol of proof schemes: messages, claims, samples, observations
- `proofs.hits`               the scheme of PoW 2.0: a nonce counts near the target, and is listed
- `proofs.filed`              messages that list nonces, as the chain files and counts them
- `proofs.log`                an append-only list whose versions share their storage
- `proofs.claimed`            all claims as arrays, as validators read them
- `proofs.draws`              nonces that an ML node tries, and those that a validator re-executes
- `proofs.placing`            where a claim is not sampled, for a host that knows the seeds
- `proofs.tries`              the tries behind claimed nonces, from their places
- `proofs.success`            valid nonces / tries, while some hosts lie
- `proofs.votes`              the tests by which a participant is accepted or rejected
- `proofs.committee`          the members that judge a participant, where not all do
- `proofs.weights`            counted nonces, merged and capped weight
- `proofs.preserved`          ML nodes that keep their weight without proof
- `proofs.confirmation`       a random re-check of the weights inside an epoch
- `proofs.answers`            the scheme of proof of compute v2: every nonce counts, its answer stays with the host
- `proofs.answer_book`        the answers that a host keeps
- `proofs.commit_rules`       which commitments and distributions the chain takes
- `proofs.commits`            their messages, and the chain's store
- `proofs.leaves`             what a validator asks a host for, and when that alone is a "no"
- `proofs.early_share`        the guard against claims that grow late
- `proofs.acceptance`         votes by model against all weight, guardians, slots, raw weight

Models: several of them in one network, from v0.2.12 on

- `models.params`             terms of models and of their groups
- `models.history`            main net's models, vote by vote
- `models.stances`            what hosts declare: delegations, refusals, intents
- `models.seating`            the model of each ML node, preserved and fresh ones together
- `models.eligibility`        the models of an epoch, by the old weight of their hosts
- `models.group_caps`         coefficients, and the largest weight of a group
- `models.delegation`         how each host takes part in each model, and what that costs it
- `models.bootstrap`          models that start, and the penalty of hosts that do nothing for them
- `models.trusted_weight`     weight that the epoch before has confirmed
- `models.voting_power`       the power of each member in a model's group
- `models.fallback`           an epoch without proofs
- `models.formed`             the values that an epoch is formed from, and what comes of it
- `models.forming`            an epoch of several models, in the chain's order
- `models.episode_preserved`  ML nodes that skip one proof of compute or one confirmation
- `models.coefficients`       coefficients that follow the models' shares of the work
- `models.moving`             the same inside a run
- `models.challenge`          a long proof of compute that somebody demands, and pays for
- `models.doubts`             groups that decide nothing, samples larger than a claim

Money: emission, accounts, deposits, prices

- `money.rewards`             emission and its distribution
- `money.accounts`            a reward until its claim or its end, then slice by slice
- `money.collateral`          the weight that a deposit activates, slashing, the way out
- `money.pricing`             the price of a token

Service: inferences

- `service.misses`            the miss test and its tables
- `service.status`            the standing of a participant, by a z-test until v0.2.4
- `service.sequential`        its standing from v0.2.5 on, by sequential tests
- `service.due_validations`   which inferences a participant had to validate before it may claim
- `service.inferences`        effects of inferences: prices, fees, statuses, counts

Blocks: the chain as a whole

- `blocks.params`             the parameters that the chain carries
- `blocks.stages`             heights of an epoch, its stages and windows; which epoch a height belongs to
- `blocks.records`            the rows that the rules write about a block, with their columns
- `blocks.state`              the chain's state after a block
- `blocks.payments`           every movement of coins, as rows
- `blocks.checks`             checks of a message, and the checks that the chain omits
- `blocks.judging`            every claim against the votes; `blocks.fast` counts all votes at once, and that one runs
- `blocks.formation`          from accepted claims to weights
- `blocks.observations`       a finished epoch, as a controller may see it
- `blocks.settling`           VE, first: the accounts of the epoch that ends
- `blocks.standing`           on becoming INVALID or INACTIVE: collateral, reputation, place in the group
- `blocks.epochs`             the edges P, VE and S
- `blocks.running`            between two proofs of compute: inferences, confirmations
- `blocks.transition`         `apply_block`: state and block -> next state

A room knows the rooms before it, and only those: consensus, proofs, models, (switches, versions,) money, service,
blocks. No SimPy, no torch, no random draw: everything here can be tested in microseconds.
"""

from sim.protocol.proofs.merkle_sum import MerkleSumTree, verify

__all__ = ["MerkleSumTree", "verify"]
