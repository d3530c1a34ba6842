"""Build-time only: writes k3py/model/generated from the published definitions of one Kubernetes version."""
