"""The API as Python functions: what agent and cli use."""
