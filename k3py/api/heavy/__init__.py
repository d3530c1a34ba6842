"""Writes that would keep everybody waiting: told from others by their looks, and decided in a process of their own."""
