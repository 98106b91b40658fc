"""Validators that do not check, or do not vote as they found, or challenge others, one file each."""
