"""Runs pods: plan and pod_states decide; loops, probes, exec and logs act."""
