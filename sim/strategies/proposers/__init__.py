"""Proposers and signers that do not do as consensus asks: what a block leaves out, who signs it."""
