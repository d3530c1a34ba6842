"""The nouns: kinds and their registry, errors, selectors, quantities."""
