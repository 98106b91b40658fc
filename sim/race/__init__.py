"""The race rig: a controller against a compute curve, one decision per block or quota, replications side by side."""
