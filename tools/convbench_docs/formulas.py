"""SymPy -> MathML, which browsers show by themselves: no script, no font, no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convbench_docs.text import markup

if TYPE_CHECKING:
    import sympy


def mathml(expression: sympy.Expr, *, name: str = "", block: bool = False) -> str:
    """Return a formula as MathML, in a line of the text or in a line of its own.

    name: what it is of; with it the formula reads "name = expression". The formula as SymPy writes
    it is what a screen reader that knows no MathML reads.
    """
    from sympy.printing.mathml import mathml as printed

    inner = printed(expression, printer="presentation", mul_symbol="dot")
    whole = f"<mrow><mtext>{markup(name)}</mtext><mo>=</mo>{inner}</mrow>" if name else inner
    display = ' display="block"' if block else ' displaystyle="true"'
    written = (
        f'<math xmlns="http://www.w3.org/1998/Math/MathML"{display} '
        f'alttext="{markup(str(expression))}">{whole}</math>'
    )
    # In the line it stands in a span: at the start of a line Markdown takes <math> for a block.
    return written if block else f'<span class="cb-math">{written}</span>'
