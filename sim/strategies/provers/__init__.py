"""Hosts that cheat when they prove compute, one file each."""
