"""Nothing about clusters: clock, seeded randomness, task groups, paths."""
