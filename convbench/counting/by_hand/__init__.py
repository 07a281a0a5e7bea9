"""Contractions written by hand, told from elementwise products."""
