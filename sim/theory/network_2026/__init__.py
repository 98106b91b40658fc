"""The network of 2026 beside its own tests: every worked number of the rules that are here, exactly.

Expected values are literals from `network_2026.md`, 2.17 and 2.19; none is computed by what it is held against.
"""
