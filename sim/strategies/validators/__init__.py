"""Validators that do not check, or do not vote as they found, one file each."""
