"""Costs as formulas and over ranges: of a type's plan, of a traced network, of a grid of sizes.

They use `core`, `convs`, `networks` and `counting`.
"""
