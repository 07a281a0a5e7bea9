"""From a run on disk to pages.

    contents    Run -> Document: which tables, figures and sentences, in which order
    findings    the sentences at the top, made from the data; doubts: when nothing is sure
    document    the neutral Document that every renderer reads
    axes        how far those of figures go; `core.text`: how a value looks to a reader
    renderers   what a renderer is; formats are found through `RENDERERS` and `SCREENS`
    formats     one file or folder for each format
    flat        tables as data, for the formats that are for data
    figures     a figure's data -> PNG or PDF
    write       a run and some formats -> files

A report never measures, and nothing here imports torch. It uses `runs` and what that uses.
"""
