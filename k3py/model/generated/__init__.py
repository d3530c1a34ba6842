"""Generated from Kubernetes 1.36 by tools/generate_model.py; do not edit."""
