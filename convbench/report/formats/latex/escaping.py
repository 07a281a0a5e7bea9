"""Plain text as LaTeX that prints as that text: ASCII, for any engine and any font encoding."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_COMMANDS: Final = {
    "\0": "{}",  # put between two signs that would melt into one
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "#": r"\#", "$": r"\$", "%": r"\%",
    "&": r"\&", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "|": r"\textbar{}", "<": r"\textless{}", ">": r"\textgreater{}", "`": r"\textasciigrave{}",
    '"': r"\char34{}",  # a language of babel may have made it a command
    "[": "{[}", "]": "{]}", "*": "{*}",  # behind a line's end these would be its arguments
    "\N{NO-BREAK SPACE}": "~", "\N{NARROW NO-BREAK SPACE}": r"\,",
    "–": r"\textendash{}", "—": r"\textemdash{}", "…": r"\ldots{}",
    "“": r"\textquotedblleft{}", "”": r"\textquotedblright{}",
    "‘": r"\textquoteleft{}", "’": r"\textquoteright{}",
    "µ": r"\textmu{}", "°": r"\ensuremath{^\circ}", "§": r"\S{}", "©": r"\copyright{}",
    "ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}", "Œ": r"\OE{}",
    "ø": r"\o{}", "Ø": r"\O{}", "ł": r"\l{}", "Ł": r"\L{}", "ı": r"\i{}",
    "²": r"\ensuremath{^2}", "³": r"\ensuremath{^3}", "¹": r"\ensuremath{^1}",
}  # fmt: skip
_SIGNS: Final = {
    "×": "times", "÷": "div", "·": "cdot", "±": "pm", "≥": "geq", "≤": "leq", "≠": "neq",
    "≈": "approx", "→": "rightarrow", "←": "leftarrow", "∞": "infty", "√": "surd", "∈": "in",
    "∑": "sum", "∏": "prod", "⌈": "lceil", "⌉": "rceil", "⌊": "lfloor", "⌋": "rfloor",
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon",
    "ζ": "zeta", "η": "eta", "θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu",
    "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "υ": "upsilon",
    "φ": "varphi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta",
    "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi",
    "Ω": "Omega",
}  # fmt: skip
# Combining marks, and the command that sets each above or below a letter.
_ACCENTS: Final = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u",
    "\u0307": ".", "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c",
}  # fmt: skip
_BASE_AND_MARK: Final = 2
_LIGATURES: Final = re.compile(r"([-',!?])(?=[-',])")
_LONG: Final = 16
_MAY_BREAK: Final = re.compile(r"(?<=[_=(,/·|:.;\-])(?=.)")


def escape(text: str, *, code: bool = False) -> str:
    r"""Return plain text as LaTeX, in one line.

    A sign that LaTeX's standard fonts do not have is shown by its number, such as U+4E2D: a paper
    that wants it can set it in a font of its own. code: for a fixed width, where an apostrophe is
    upright.
    """
    text = _LIGATURES.sub(lambda match: f"{match.group()}\0", _one_line(text))
    return "".join(_sign(sign, code=code) for sign in text)


def _one_line(text: str) -> str:
    """Join lines; a no-break space stays one, and other signs without a shape become visible."""
    return re.sub(r"[ \t\r\n\f\v]+", " ", text.replace("\0", "\N{REPLACEMENT CHARACTER}")).strip(
        " "
    )


def _sign(sign: str, *, code: bool) -> str:
    if sign == "'" and code:
        return r"\textquotesingle{}"
    if sign in _COMMANDS:
        return _COMMANDS[sign]
    if sign in _SIGNS:
        return rf"\ensuremath{{\{_SIGNS[sign]}}}"
    if " " <= sign <= "~":
        return sign
    parts = unicodedata.normalize("NFD", sign)
    if len(parts) == _BASE_AND_MARK and parts[0].isascii() and parts[1] in _ACCENTS:
        return rf"\{_ACCENTS[parts[1]]}{{{parts[0]}}}"
    return rf"\texttt{{U+{ord(sign):04X}}}"


def breakable(text: str) -> str:
    r"""Return escaped text whose long words may be broken: behind a mark, or else anywhere."""
    return " ".join(_breakable(word) for word in _one_line(text).split(" "))


def _breakable(word: str) -> str:
    if len(word) <= _LONG:
        return escape(word)
    pieces = [
        piece[start : start + _LONG]
        for piece in _MAY_BREAK.split(word)
        for start in range(0, len(piece), _LONG)
    ]
    return r"\allowbreak{}".join(escape(piece) for piece in pieces)
