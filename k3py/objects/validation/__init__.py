"""Everything that is wrong with an object, in Kubernetes' words: one file per family of kinds."""
