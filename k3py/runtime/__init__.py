"""One small port; OCI runtimes and a fake behind it."""
