"""The proof-of-work kernel: the computation behind one nonce, and the distance that results from it.

Everything random is drawn on the CPU by NumPy; only the forward pass may run on an accelerator.

 1. Entropy: SHA-256 of "{seed}_0", "{seed}_1", ... seeds NumPy's PCG64 generator (`pow.seeds`).
 2. Network: the block hash draws a pool of N(0, 0.02²) values, 5 % as large as the model; each named parameter is a
    slice of the pool that begins where a hash of its name says (`pow.parameters`).
 3. Target: the block hash draws one unit vector on the sphere in vocab_size dimensions (`pow.sphere`).
 4. Nonce: block hash, public key and nonce draw one input, seq_len × dim normal numbers, and one permutation of the
    vocabulary (`pow.inputs`).
 5. Work: the input passes through a Llama-3-style decoder; the logits of the last position count (`pow.transformer`).
 6. Distance: permute the logits, scale them to length one, take the chord to the target (`pow.distances`).
 7. A nonce is valid iff distance < r_target. The hit probability of r_target has a closed form (`pow.sphere`).
 8. A host hands in its valid nonces with their distances (`pow.proofs`).
 9. A validator recomputes some of them, counts those with distance > r_target, and calls the batch a fraud iff so many
    would be too unlikely for an honest host, by a one-sided binomial test (`pow.validation`).

The package itself imports no module, so that programs that need only the sphere's geometry or the fraud test do not
load torch. The modules that compute use it: `pow.parameters`, `pow.transformer`, `pow.distances`, and the fast path.

Reference: kernel 1-4, 6
"""
