"""Doing one task: what it must keep to, its rows, its models, its result and where that came from."""
