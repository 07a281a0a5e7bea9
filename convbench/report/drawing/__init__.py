"""One file for each kind of figure; matplotlib is imported only when one of them is."""
