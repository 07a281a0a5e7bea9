"""The convolution types, one file each; `base` says what a type is.

They use `core` alone.
"""
