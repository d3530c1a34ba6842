"""The CA, join tokens, certificates and their renewal."""
