"""Who agrees with whom: sets of distances that machines left behind, and how far apart they are (kernel 5, 6)."""
