"""The columns ``kubectl get`` shows, one file per family of kinds; ``table`` puts them together."""
