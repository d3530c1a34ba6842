"""Chooses a node for each pod: filters, scores and place decide; loop acts."""
