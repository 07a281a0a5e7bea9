"""From a run on disk to pages.

    contents    Run -> Document: which tables, figures and sentences, in which order
    results     one table of costs, times and ratios a group, and every group in a row
    findings    the sentences at the top, made from the data; doubts: when nothing is sure
    why         why a time ratio is no ratio of multiplications: a sentence, a table, two figures
    ran         which kernels ran in each case; device: what a GPU did, and at which clock
    launching   what launching costs on a GPU, and what other modes give back
    document    the neutral Document that every renderer reads
    figuredata  what a figure shows, as data; plots: from groups to it
    figures     a figure's data -> a picture, which says what is drawn -> PNG or PDF
    renderers   what a renderer is; formats are found through `RENDERERS` and `SCREENS`
    formats     one file or folder for each format
    table_data  tables as data, for the formats that are for data
    write       a run and some formats -> files

How a value looks to a reader is in `core.text`. A report never measures, and nothing here imports
torch. It uses `runs` and what that uses.
"""
