"""The tables of rules, by group: what is particular about each kind."""
