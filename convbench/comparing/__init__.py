"""Two runs, or two conditions of one, compared case by case.

    sides        a side: a run, repeats of a run, or a part of one
    matching     which cases of the two sides belong together
    clocks       kernel times of a GPU on both sides, or event times
    frequencies  clock frequencies of a GPU that differ, and which ratios they may explain
    environment  which keys of two fingerprints must match, and which do not
    units        times of cases by process or by run, without outliers
    noise        variation of unchanged cases: between processes, groups and runs
    exact        changed counts and broken cases
    judging      a pair and the noise -> a verdict with a coded reason
    comparison   all of it -> Comparison
    gate         a Comparison -> headline and exit status; presets
    tables       what its pages share with those of a history
    points       the points at the top of its page
    page         a Comparison -> Document, for every renderer
    command      options of the command line -> page and exit status

Nothing here measures, and nothing imports torch. It uses `runs`, and `report` for its pages.
"""
