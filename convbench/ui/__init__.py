"""What people use: the command line, what a terminal shows, what a notebook shows.

It uses everything below and holds no logic of its own.
"""
