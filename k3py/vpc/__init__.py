"""Addresses and isolation on one node."""
