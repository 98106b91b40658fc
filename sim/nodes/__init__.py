"""The actors: hosts, their ML nodes and their validators, on the SimPy clock."""
