"""Counting any network from the operators that run, without running them."""
