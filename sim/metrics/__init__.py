"""Measuring: records of events, the frames made of them, their columns, measures and intervals."""
