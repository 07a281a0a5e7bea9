"""Contractions written by hand: elementwise products that are summed. The one place they are told.

THE CONVENTION

An elementwise multiplication of two tensors is `elementwise` work. It is a MAC besides where it is
part of a contraction that was written by hand:

- the products of two tensors are summed or averaged along an axis on which both of them vary (a
  matrix product, an involution). Views, casts, numbers that scale, masks and stacking in between
  change nothing; or
- products of parts of the same two tensors are added to or subtracted from each other (slices and
  shifts of one image, tap by tap). All weights and buffers count as one tensor here.

So a scale, a gate, a gate that is pooled, a mask, a square (a tensor times itself: a norm, a
variance) and the sum of products of different tensors (gated branches, layer scales, a residual)
are elementwise and no MACs. Each multiplication counts once, however often its product is summed.

A value is a tensor (`profiling`) or a node of a graph (`tracing`); `Facts` tells what is asked.
"""

from __future__ import annotations

from itertools import count
from math import prod
from typing import TYPE_CHECKING, Any, Final

from convbench.counting.axes import MOVES, broadcast, carried, summed_axes
from convbench.counting.products import Amount, Facts, Pool, Product

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

SUMS: Final = frozenset({"sum", "mean", "nansum", "nanmean", "cumsum"})
STACKS: Final = frozenset({"cat", "concat", "concatenate", "stack"})
ADDITIONS: Final = frozenset({"add", "sub", "subtract", "rsub"})
SCALINGS: Final = frozenset({"div", "divide", "true_divide", "neg", "negative"})
MASKS: Final = frozenset({"masked_fill", "tril", "triu", "dropout", "native_dropout", "nan_to_num"})
SCATTERS: Final = frozenset({"index_add", "scatter_add", "scatter_reduce"})
BLANKS: Final = frozenset(
    {"zeros", "zeros_like", "new_zeros", "zero", "empty", "empty_like", "new_empty"}
)
"""Tensors to which products may be added, or written."""
PRODUCTS: Final = frozenset({"mul", "multiply"})
FOLLOWED: Final = (
    SUMS | STACKS | ADDITIONS | SCALINGS | MASKS | SCATTERS | BLANKS | PRODUCTS | frozenset(MOVES)
) | {"addcmul", "copy", "where"}
"""Operators that `Handmade.see` has to be told of; any other in place must be told to `drop`."""
SUMMING: Final = SUMS | ADDITIONS | SCATTERS | {"addcmul"}
"""Operators that sum products, and so are where hand-written MACs are listed."""
_WEIGHTS: Final = -1
"""The root of all weights."""


class Handmade:
    """Follows products from operator to operator, and tells when they are summed."""

    def __init__(self, facts: Facts) -> None:
        """`facts` tells what the values are."""
        self.facts = facts
        self.products, self._roots = facts.book(), facts.book()
        self._numbers = count()

    def see(self, name: str, args: Sequence[Any], result: Any) -> list[Amount] | None:
        """Follow one operator; return the products that it sums, None where it sums none."""
        if name in SUMS:
            return self._summed(name, args)
        if name in ADDITIONS:
            return self._added(args[0], args[1], result)
        if name == "addcmul":
            return self._added(args[0], self._product(args[1], args[2], result), result)
        if name in SCATTERS:
            return self._scattered(args, result)
        way = _WAYS.get(name)
        if way is not None:
            way(self, args, result)
        elif name in STACKS:
            self._joined(name, args, result)
        else:
            for part in result if isinstance(result, list | tuple) else (result,):
                self.moved(name, args, part)
        return None

    def drop(self, value: Any) -> None:
        """Forget what is known of a tensor, and its views, that something else was written to."""
        known = self.products.get(value)
        if known is not None:
            known.pool.roots, known.pool.pending = frozenset({next(self._numbers)}), []
            self.products.put(value, None)

    def root(self, value: Any) -> int:
        """Return the number of the tensor that this one is a part of."""
        if self.facts.constant(value):
            return _WEIGHTS
        number = self._roots.get(value)
        if number is None:
            number = next(self._numbers)
            self._roots.put(value, number)
        return int(number)

    def _found(self, item: Any) -> Product | None:
        if isinstance(item, Product):
            return item
        known: Product | None = self.products.get(item) if self.facts.is_value(item) else None
        return known

    def _product(self, one: Any, other: Any, result: Any) -> Product:
        shape = self.facts.shape(result)
        roots = frozenset[int]()
        varies = []
        inner = [False] * len(shape)
        for item in (one, other):
            known = self._found(item)
            if known is not None and known.pool.roots is not None:  # a product of three
                roots |= known.pool.roots
                within = broadcast(known.varies, len(shape))
                inner = [a or b for a, b in zip(inner, within, strict=True)]
            else:
                roots |= {self.root(item)}
            whole = self.facts.shape(item)
            own = [
                size == length and not repeated
                for size, length, repeated in zip(
                    whole, shape[len(shape) - len(whole) :], self.facts.expanded(item), strict=True
                )
            ]
            varies.append(broadcast(own, len(shape)))
        both = zip(inner, *varies, strict=True)
        complex_factors = sum(map(self.facts.is_complex, (one, other)))
        amount = Amount(
            prod(shape), self.facts.what((one, other), result), (1, 2, 4)[complex_factors]
        )
        return Product(Pool(roots, [amount]), tuple(i or (a and b) for i, a, b in both))

    def _multiplied(self, args: Sequence[Any], result: Any) -> None:
        one, other = args[:2]
        if not self.facts.is_value(other):
            self._carry(one, result)
        elif not self.facts.is_value(one):
            self._carry(other, result)
        elif self.facts.same(one, other):
            self.drop(result)
        else:
            self.products.put(result, self._product(one, other, result))

    def _made_blank(self, args: Sequence[Any], result: Any) -> None:
        del args
        self.products.put(result, Product(Pool(), (True,) * self._rank(result)))

    def _chosen(self, args: Sequence[Any], result: Any) -> None:
        """Follow `where`: products, and something else elsewhere."""
        self._carry(next((item for item in args[1:] if self._found(item)), None), result)

    def _scaled(self, args: Sequence[Any], result: Any) -> None:
        self._carry(args[0], result)

    def _carry(self, before: Any, result: Any) -> None:
        """Note that products are scaled or masked, which leaves them products."""
        known = self._found(before)
        if known is None:
            self.drop(result)
            return
        if isinstance(result, list | tuple):  # what an operator gives beside its result
            result = result[0]
        self.products.put(result, Product(known.pool, broadcast(known.varies, self._rank(result))))

    def _rank(self, value: Any) -> int:
        return len(self.facts.shape(value))

    def _summed(self, name: str, args: Sequence[Any]) -> list[Amount] | None:
        known = self._found(args[0])
        if known is None or not known.pool.pending:
            return None
        shape = self.facts.shape(args[0])
        axes = summed_axes(name, args, len(shape))
        if not any(known.varies[axis] for axis in axes):
            self.facts.scaled(args[0], axes)
            return None
        return known.pool.taken(prod(shape), self.facts.part(args[0])) or None

    def _scattered(self, args: Sequence[Any], result: Any) -> list[Amount] | None:
        source = self._found(args[3])
        self.drop(result)
        if source is None or not source.varies or not source.varies[args[1]]:
            return None
        return source.pool.taken(sum(a.size for a in source.pool.pending), None) or None

    def _added(self, one: Any, other: Any, result: Any) -> list[Amount] | None:
        first, second = self._found(one), self._found(other)
        for term, known, number in ((one, first, other), (other, second, one)):
            if known is not None and not (self._found(number) or self.facts.is_value(number)):
                self._carry(term, result)  # a number is added, as Python's sum() begins with 0
                return None
        if first is None or second is None:
            self.drop(result)  # in place, it was a product until now
            return None
        ranked = [broadcast(item.varies, self._rank(result)) for item in (first, second)]
        if first.pool.roots is None:
            self._filled(first, second, one, result)
            return None
        if second.pool.roots is None:
            self.products.put(result, Product(first.pool, ranked[0]))
            return None
        if first.pool.roots != second.pool.roots:
            self.drop(result)
            return None
        found = [*first.pool.pending, *(second.pool.pending if first is not second else ())]
        first.pool.pending, second.pool.pending = [], []
        varies = tuple(a or b for a, b in zip(*ranked, strict=True))
        pool = first.pool if self.facts.same(one, result) else Pool(first.pool.roots)
        self.products.put(result, Product(pool, varies))
        return found or None

    def _filled(self, blank: Product, product: Product, target: Any, result: Any) -> None:
        """Note products that were added to zeros, or written to a part of them."""
        varies = broadcast(product.varies, self._rank(result))
        if not self.facts.same(target, result):
            self.products.put(result, Product(product.pool, varies))
            return
        blank.pool.roots = product.pool.roots
        blank.pool.pending += product.pool.pending
        product.pool.pending = []
        self.products.put(result, Product(blank.pool, varies))

    def _copied(self, args: Sequence[Any], result: Any) -> None:
        target, source = self._found(args[0]), self._found(args[1])
        if target is not None and source is not None:
            if target.pool is source.pool:
                return
            if target.pool.roots is None or target.pool.roots == source.pool.roots:
                self._filled(target, source, result, result)
                return
        self.drop(result)

    def _joined(self, name: str, args: Sequence[Any], result: Any) -> None:
        parts = [self._found(item) for item in args[0]]
        known = [item for item in parts if item is not None and item.pool.roots is not None]
        if not known:
            return
        rank = self._rank(result)
        axis = (args[1] if len(args) > 1 else 0) % rank
        kinds = {item.pool.roots for item in known}
        roots = kinds.pop() if len(kinds) == 1 else frozenset({next(self._numbers)})
        pool = Pool(roots)
        varies = [False] * rank
        for item in known:
            pool.pending += item.pool.pending
            item.pool.pending = []
            own = list(item.varies)
            if name == "stack":
                own.insert(axis, True)
            varies = [a or b for a, b in zip(varies, own, strict=True)]
        varies[axis] = True
        self.products.put(result, Product(pool, tuple(varies)))

    def moved(self, name: str, args: Sequence[Any], part: Any) -> None:
        """Note that `part` is a view, a part or a copy of the first argument."""
        before = args[0]
        if not self.facts.is_value(part) or self.facts.same(before, part):
            return
        if not self.facts.constant(before):
            self._roots.put(part, self.root(before))
        known = self.products.get(before)
        if known is not None:
            shapes = self.facts.shape(before), self.facts.shape(part)
            varies = carried(name, args, *shapes, known.varies)
            self.products.put(part, Product(known.pool, varies))

    def counted(self, found: Iterable[Amount]) -> int:
        """Return the real multiplications of products, at the sizes they have here."""
        return sum(amount.size * amount.factor for amount in found)


_WAYS: Final[dict[str, Callable[[Handmade, Sequence[Any], Any], None]]] = {
    **dict.fromkeys(PRODUCTS, Handmade._multiplied),  # noqa: SLF001  the class's own table
    **dict.fromkeys(BLANKS, Handmade._made_blank),  # noqa: SLF001  as above
    **dict.fromkeys(SCALINGS | MASKS, Handmade._scaled),  # noqa: SLF001  as above
    "copy": Handmade._copied,  # noqa: SLF001  as above
    "where": Handmade._chosen,  # noqa: SLF001  as above
}
