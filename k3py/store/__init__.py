"""The log port, SlateDB and memory behind it; committer, rings and watch once for both."""
