"""Two runs, or two groups of one, side by side: what became faster, slower, or cannot be told.

    sides        what is on either side: a run, repeats of a run, or a part of one
    matching     which cases of the two sides belong together
    environment  which keys of two fingerprints must match, and which do not
    noise        how far times of unchanged cases differ: between processes, groups and runs
    judging      a pair and the noise -> a verdict with a coded reason
    comparison   all of it -> Comparison
    gate         a Comparison -> an exit status; presets
    tables       what its tables share with those of a history
    points       what a page says at its top
    page         a Comparison -> Document, for every renderer
    command      what somebody asked to be compared -> the answer

Nothing here measures, and nothing imports torch. It uses `runs`, and `report` for its pages.
"""
