"""Strategies from outside the package, found by their entry points."""
