"""The JSON Schema (draft 2020-12) of what `core.serialization` writes, made from the types."""

from __future__ import annotations

import inspect
import math
from collections.abc import Collection
from dataclasses import is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, is_typeddict

from convbench.core.docstrings import documented, parts
from convbench.core.serialization import Least, hints, needed, tag

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NAMES: Final = {bool: "boolean", int: "integer", float: "number", str: "string", NoneType: "null"}


class Schemas:
    """Makes the schemas of types; those of dataclasses are in `defs`, each once.

    tagged: dataclasses whose objects say which they are, under "type".
    """

    def __init__(self, tagged: Collection[type] = ()) -> None:
        """Begin without any."""
        self.tagged = tagged
        self.defs: dict[str, Any] = {}

    def whole(self, kind: Any, *, id: str, title: str, description: str = "") -> dict[str, Any]:  # noqa: A002
        """Return the schema of a file: of a dataclass, or of a union of some."""
        top = self.of(kind)
        if "$ref" in top:
            top = self.defs.pop(tag(kind))
        head = {"$schema": DIALECT, "$id": f"urn:convbench:{id}", "title": title}
        if description:
            head["description"] = description
        return {**head, **{k: v for k, v in top.items() if k not in head}, "$defs": self.defs}

    def of(self, kind: Any) -> dict[str, Any]:  # noqa: C901, PLR0911  (one line for each kind of type)
        """Return the schema of a type."""
        origin, args = get_origin(kind), get_args(kind)
        if kind is Any:
            return {}
        if kind in _NAMES:
            return {"type": _NAMES[kind]}
        if is_dataclass(kind) or is_typeddict(kind):
            return self._object(kind)
        if origin is Annotated:
            if isinstance(args[1], Least):
                least = args[1]
                most = {"maximum": least.most} if math.isfinite(least.most) else {}
                return {**self.of(args[0]), "minimum": least.bound, **most}
            return self.of(args[1])
        if origin is Literal:
            return {"const": args[0]} if len(args) == 1 else {"enum": list(args)}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(args[1])}
        if origin is list or args[-1:] == (Ellipsis,):
            return {"type": "array", "items": self.of(args[0])}
        if origin is tuple:
            items = [self.of(arg) for arg in args]
            return {"type": "array", "prefixItems": items, "minItems": len(items), "items": False}
        if origin in {Union, UnionType}:
            return self._union(args)
        raise TypeError(f"{kind} is no type that a file can hold")

    def _union(self, kinds: tuple[Any, ...]) -> dict[str, Any]:
        found = [self.of(kind) for kind in kinds]
        simple = [one["type"] for one in found if one.keys() == {"type"}]
        if not simple:
            return {"oneOf": found}
        others = [one for one in found if one.keys() != {"type"}]
        together = {"type": simple if len(simple) > 1 else simple[0]}
        return {"oneOf": [together, *others]} if others else together

    def _object(self, cls: Any) -> dict[str, Any]:
        name = tag(cls)
        if name not in self.defs:
            self.defs[name] = {}  # a type may hold itself
            said = documented(cls)
            properties: dict[str, Any] = {"type": {"const": name}} if cls in self.tagged else {}
            for key, kind in hints(cls).items():
                text = said.get(key, "")
                described = {"description": text[:1].upper() + text[1:]} if text else {}
                properties[key] = {**self.of(kind), **described}
            required = [key for key in properties if key in needed(cls) or key not in hints(cls)]
            first = parts(inspect.getdoc(cls) or "")[:1]
            self.defs[name] = {
                "type": "object",
                **({"description": first[0].items[0]} if first else {}),
                "additionalProperties": False,
                "required": required,
                "properties": properties,
            }
        return {"$ref": f"#/$defs/{name}"}
