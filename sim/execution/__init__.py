"""Many runs: a local pool or a cluster, a store that loses nothing, one loop over both."""
