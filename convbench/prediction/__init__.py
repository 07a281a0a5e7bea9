"""The time of a convolution, a type or a network, predicted from its shapes.

    operators     the operators that a module runs, found without data
    sampling      shapes to calibrate on
    calibrating   timing them in a process of its own, and fitting the model
    terms         what an operator's time is made of: the terms, and the families of operators
    model         the fit of a family: non-negative least squares, and a smooth correction
    calibration   what was fitted on a machine, and its file in the user's cache folder
    predicting    the sum over operators, with an interval and simpler predictions beside it
    breakeven     where a replacement of a standard convolution is faster

It may use `machine`, `clock` and what is below; runs and reports do not know it.
"""
