"""Contractions that a model writes as elementwise products and sums.

contractions    the rule, and the products followed from operator to operator
products        products that are not summed yet; what has to be known of tensors
origins         which elements of which tensor a tensor is made of
number_kinds    masks, integers and noise, whose products are no contraction
divisors        statistics of a tensor by which it is divided: normalisations
axes, layouts   where axes and elements go in views
operator_sets   the operators of each kind
"""
