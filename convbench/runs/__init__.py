"""Suites, the runner, and what a run is on disk.

They use `machine`, `clock`, `counting` and what those use.
"""
