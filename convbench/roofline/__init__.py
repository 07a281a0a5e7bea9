"""What a device can do at best, measured on it, and what of that a case reaches.

ceilings   the most multiplications and the most bytes a second, measured
reach      how much of them a record reaches, and when that is more than can be
"""
