"""What a program multiplies, counted from the operators that run.

    engine         convbench's own count of any module, forward and backward
    by_hand        contractions written as elementwise products and sums
    zero_cost      operators that cost no multiply-accumulate
    base           what a counter is; tally: what it says; tools: the counters, one file a tool
    tool_output    what their files share; census: what runs beside multiply-accumulates
    discrepancies  why a counter shows another number for a model

It uses `core`, `convs` and `networks`.
"""
