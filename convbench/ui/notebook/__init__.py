"""How things look in a notebook: HTML and LaTeX of a run, a cost, a tally, a formula; plots.

    markup      text and tables as HTML that is safe wherever a name comes from
    costs, tallies, formulas, profiles, runs, measurements    one kind of thing each
    plots       the figures that `Run.plot` can draw

The types themselves name one of these as their view (`core.notebook_views`) and import none.
"""
