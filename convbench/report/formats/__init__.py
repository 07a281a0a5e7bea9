"""The formats of a report, a file or a folder each; nothing else names them.

Each registers itself in `report.renderers`, and is imported when a format is first looked up.
`plain` is no format: it is the text of all that is printed.
"""
