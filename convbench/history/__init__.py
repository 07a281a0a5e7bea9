"""Runs over time: which there are, what changed, and from which run on.

    run_folders  the run folders below a folder, by the time they were started
    series       a case over runs; changed counts and broken cases
    shares       the common shift of each group, and the times of each case without it
    scatter      the variance of unchanged cases from run to run
    changes      change points
    history      all of it -> History
    page         a History -> Document (plot, tables, following: its parts)
    command      what the command line asks -> Document

Nothing here measures, and nothing imports torch. It uses `comparing` and what that uses.
"""
