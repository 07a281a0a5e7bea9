"""The networks, one file a family; `base` says what a network is, `models` finds a module by name.

`onnx_files` makes a module of an ONNX file, and `exported_modules` of an exported program. They use
`core` and `convs`.
"""
