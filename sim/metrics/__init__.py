"""Measuring: records of what happened, the frames made of them, their columns, intervals."""
