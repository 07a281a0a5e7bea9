"""Suites, the runner, and what a run is on disk."""
