"""The documentation site: what of it is made from the code, and how.

hook          what MkDocs calls: adds the generated pages, fills the written ones
sources       what everything is made from: the committed run, the audit, the root
filling       [[= expressions ]] in written pages
namespace     what such an expression can say
types_pages   one page for each registered convolution type, and the list of them
sections      the parts of such a page
pipeline      a plan as a drawing: steps, shapes, shares of the multiplications
connectivity  what an output really depends on, found by differentiating the built module
grids         connectivity as a drawing
dots          promise and clock of every type, as a drawing
svg           the pen: drawings as text that follow the page's colours
formulas      SymPy -> MathML
text          plain text -> Markdown that reads as that text
docstrings    docstring -> parts
reference     public names, fields of dataclasses, commands
measured      what the committed run says of a type
networks      OSNet's widths
counters      the counters, their conventions and the audit
"""
