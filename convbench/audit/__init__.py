"""The audit: small programs whose multiplications are known, against every counter there is.

`cases/` holds the programs, `counters/` one adapter for each tool, `cell` runs one of each in a
process of its own, `verdicts` judges what came back, `run` does all of them, `page` shows the
matrix, and `translate` says why a tool shows another number for a model. Nothing in the matrix is
filled in by hand. It uses `counting`, and `report` for its page.
"""
