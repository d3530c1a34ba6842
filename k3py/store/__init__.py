"""The log port (open, write a batch, scan), SlateDB and memory behind it; committer, rings, watch once for both."""
