"""Is it true? Each row holds a quantity of ours against theory or published data, at a stated error level."""
