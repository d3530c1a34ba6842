"""What admission does to pods and claims, step by step: one file per step, in Kubernetes' order (``steps``)."""
