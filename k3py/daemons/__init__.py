"""The long-running processes: read the configuration, build the parts, run them."""
