"""Experiments on this device: what flips an implementation, and published measurements repeated.

    setups       modules with their data type, layout and threads, timed interleaved and observed
    dispatch     the variants of a type in a slot, which `explain --dispatch` shows
    modules      the modules of the published experiments
    published    the experiments with their printed figures and sources
    replication  an experiment timed here, and whether its claim holds
    page         both as documents

It uses the clock, the types, the machine and the documents of `report`; runs are not needed.
"""
