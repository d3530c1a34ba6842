"""Names, registries, layers and the local cache of OCI images."""
