"""Serves objects over HTTP: routes, authentication, watch, streams."""
