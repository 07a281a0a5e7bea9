"""The audit: small programs whose multiplications are known, against every counter there is.

`cases/` holds the programs, `cell` asks one of the counters (`counting.tools`) about one of them in
a process of its own, `verdicts` judges what came back, `run` does all of them, and `page` shows the
matrix. Nothing in it is filled in by hand. It uses `counting`, and `report` for its page.
"""
