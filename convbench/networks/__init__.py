"""The networks, one file a family; `base` says what a network is, `models` finds a module by name.

They use `core` and `convs`.
"""
