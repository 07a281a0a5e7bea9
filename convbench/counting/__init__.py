"""Counters: one file each, behind one protocol; `tally` says what they return."""
