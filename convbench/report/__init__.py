"""From a run on disk to pages.

    contents    Run -> Document: which tables, figures and sentences, in which order
    findings    the sentences at the top, made from the data
    document    the neutral Document that every renderer reads
    format      how a value looks to a reader; the only place that says so
    markdown    one renderer a file, found through `renderers.RENDERERS`
    figures     a figure's data -> PNG
    write       a run and some formats -> files

A report never measures, and nothing here imports torch.
"""
