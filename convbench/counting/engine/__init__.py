"""The count of any network from the operators that run, on the meta device where that will do.

run               profile: by shapes, with gradients, or for real; what is done in which order
dispatch          the dispatch mode, which sees every operator
function_mode     the function mode above it: devices, changes of tensors, errors
fast_path         a function mode that answers common calls, by shape_rules
rules             the rule of an operator: convolutions, matrices, quantised, or zero
hand_written      what is followed between operators: products, padding, complex numbers
recorder          calls by module; profile: the result
provenance        tensors that no observed operator made
attempt           what one try at a count shares and leaves behind
module_state      all that a module reaches, put back by restoring; values: of tensors
process_state     settings of torch and of the process, put back
leaks             tensors without values that outlive a count
callables         functions as modules, by captures
"""
