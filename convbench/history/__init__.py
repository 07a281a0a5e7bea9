"""Runs over time: which there are, what changed, and from which run on.

    run_folders  the run folders below a folder, by the time they were started
    series       a case over runs
    shares       what whole groups of cases have in common, and what is left of each case without it
    scatter      how far runs of an unchanged case lie apart
    windows      the stretches of runs in which a split is looked for
    changes      change points
    exact        changed counts and broken cases
    history      all of it -> History
    page         a History -> Document (plot, tables, following: its parts)
    command      what the command line asks -> Document

Nothing here measures, and nothing imports torch. It uses `comparing` and what that uses.
"""
