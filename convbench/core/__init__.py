"""What everything else is made of: the slot, costs, steps of a plan, errors, registries, words.

It uses nothing else of this package, and imports no torch but in `modules`, `vision` and
`torch_internals`.
"""
