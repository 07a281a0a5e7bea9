"""The networks, one file a family; `base` says what a network is."""
