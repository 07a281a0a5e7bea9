"""Contractions written by hand: elementwise products that are summed. The rule stands here alone.

THE RULE

An elementwise multiplication is `elementwise` work. It is a MAC besides where it is part of a
contraction that was written by hand, and what is multiplied decides that:

1. Two different tensors of real or complex numbers. Two factors whose elements come from the same
   elements of one tensor (x·sigmoid(x), x·relu6(x + 3), p·log p, a square, a variance; moved there
   and back, cut in any way) are an activation, however it is written, and one divided by its own
   sum, mean, norm or variance (x·rsqrt(mean(x²))) a normalisation, as `rms_norm` is with its
   weight. A factor of masks or integers alone scales, leaves out or is index arithmetic. Masks are
   zeros and ones or one other number: bool, also as floats, a comparison, a triangle, an identity,
   a choice (zeros that ones are written to), what dropout draws, what a maximum of masks leaves.
   Noise is random numbers of this pass, and maps of such alone: it scales as well. Floats that are
   given as inputs, or held as buffers, are real numbers, also where they are zeros and ones.
   Integers are coordinates and numbers of things, also as floats, and what + − × of them makes;
   divided by a number, or from `linspace`, they are real numbers. None of these is a contraction.
2. Their products are summed or averaged along an axis on which *both* vary as one tensor: a matrix
   product, an involution, an average weighted position by position. A factor that is the same along
   that axis (also by `repeat`, or an interpolation of one number) is a scale or a gate of what is
   summed, and could stand outside of the sum.
3. The same sum counts the same however it is written: by sum or mean, a pooling, `+` of slices
   (different parts of the same two tensors, or of their product; all parameters are one tensor
   here), a stack of the products, addition by index; with casts, views, masks, numbers and further
   addends in between. What is sampled or gathered from a tensor is a part of it. A stack of
   different tensors is no tensor of its own: each part is what it was. So the weighted sum of
   different tensors (gated branches, a blend, layer scales, a residual) is elementwise. What was
   picked by the same index by which products are added is the same in each of those sums: a gate
   (a token's weight of an expert), while a product added by another index (the edges of a graph)
   is a contraction.
4. Each multiplication counts once, however often its product is summed, in the module that
   multiplies, and apart from all others (`by_hand`): who counts no such products subtracts it.
5. Of weights alone it counts as well, for it runs each time, by hand or as an operator. Apart, as
   `preparation`, is what prepares a weight: all in a parametrization, and what multiplies by a
   vector of buffers, as spectral norms do to be ready for the next step.

What is arguable is decided by that: CBAM's gate of positions or channels, where what it gates is
averaged right after along those, and ResNeSt's splits, which are parts of one convolution's output,
are contractions and `by_hand`; SKNet's branches, outputs of different convolutions, are a blend. An
operator that torch runs as one (`glu`, `lerp`, a loss) is what its name says: elementwise.

A value is a tensor (`counting.engine`) or a node of a graph (`formulas.tracing`); `Facts`
gives the properties of either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, ClassVar

from convbench.counting.by_hand.axes import MOVES, broadcast, carried, shortened, summed_axes
from convbench.counting.by_hand.layouts import CUTS
from convbench.counting.by_hand.operator_sets import (
    ADDITIONS,
    BLANKS,
    MASKS,
    PRODUCTS,
    SCALINGS,
    SCATTERS,
    STACKS,
    SUMS,
)
from convbench.counting.by_hand.origins import Origins
from convbench.counting.by_hand.products import Amount, Facts, Pool, Product


class ContractionTracker:
    """Follows products from operator to operator, and tells when they are summed."""

    def __init__(self, facts: Facts) -> None:
        """`facts` tells what the values are."""
        self.facts = facts
        self.products = facts.table()
        self.origins = Origins(facts)

    def see(self, name: str, args: Sequence[Any], result: Any) -> list[Amount] | None:
        """Follow one operator; return the products that it sums, None where it sums none."""
        found = self._seen(name, args, result)  # before its origin is that of the result
        if name not in STACKS:
            self.origins.see(name, args, result)
        return found

    def _seen(self, name: str, args: Sequence[Any], result: Any) -> list[Amount] | None:
        if name in SUMS:
            return self._summed(name, args)
        if name in ADDITIONS:
            return self._added(args[0], args[1], result)
        if name == "addcmul":
            return self._added(args[0], self._product(args[1], args[2], result), result)
        if name in SCATTERS:
            return self._scattered(name, args, result)
        way = self._WAYS.get(name)
        if way is not None:
            way(self, args, result)
        elif name in STACKS:
            self._joined(name, args, result)
        elif name in MOVES:
            for part in result if isinstance(result, list | tuple) else (result,):
                self._moved(name, args, part)
        elif args and self.facts.is_value(args[0]) and self.facts.same(args[0], result):
            self.forget(result)
        return None

    def drop(self, value: Any) -> None:
        """Forget what is known of a tensor, and its views, that something else was written to."""
        self.forget(value)
        self.origins.renew(value)

    def forget(self, value: Any) -> None:
        """Forget the products in a tensor that a map of its elements was written to."""
        known = self.products.get(value)
        if known is not None:
            known.written.append(True)
            self.products.put(value, None)

    def moved(self, name: str, args: Sequence[Any], part: Any, turn: int | None) -> None:
        """Note that `part` is one of several parts of the first argument."""
        self._moved(name, args, part)
        self.origins.moved(name, args, part, turn)

    def _found(self, item: Any) -> Product | None:
        if isinstance(item, Product):
            return item
        known: Product | None = self.products.get(item) if self.facts.is_value(item) else None
        return None if known is None or known.written else known

    def _product(self, one: Any, other: Any, result: Any) -> Product | None:
        """Return what is known of a product; None where it is none of two different tensors."""
        if not self._multiplies(one, other):
            return None
        shape = self.facts.shape(result)
        parts: dict[int, frozenset[Any]] = {}
        varies = []
        inner = [False] * len(shape)
        for item in (one, other):
            known = self._found(item)
            if known is not None and known.pool.parts:  # a product of three
                parts = {**parts, **known.pool.parts}
                within = broadcast(known.flags, len(shape))
                inner = [a or b for a, b in zip(inner, within, strict=True)]
            else:
                origin = self.origins.of(item)
                parts[origin.root] = parts.get(origin.root, frozenset()) | {origin.part}
            whole = self.facts.shape(item)
            own = [
                size == length and not alone
                for size, length, alone in zip(
                    whole, shape[len(shape) - len(whole) :], self.origins.alone(item), strict=True
                )
            ]
            varies.append(broadcast(own, len(shape)))
        both = zip(inner, *varies, strict=True)
        complex_factors = sum(map(self.facts.is_complex, (one, other)))
        amount = Amount(
            prod(shape), self.facts.what((one, other), result), (1, 2, 4)[complex_factors]
        )
        return Product(Pool(parts, [amount]), tuple(i or (a and b) for i, a, b in both))

    def _multiplies(self, one: Any, other: Any) -> bool:
        """Tell whether the factors are two different tensors, of which neither normalises."""
        shapes = self.facts.shape(one), self.facts.shape(other)
        origins = self.origins.of(one), self.origins.of(other)
        divides = self.origins.divisors.divides
        if divides(one, origins[1]) or divides(other, origins[0]):
            return False
        return shapes[0] != shapes[1] or origins[0][:4] != origins[1][:4]

    def _multiplied(self, args: Sequence[Any], result: Any) -> None:
        one, other = args[:2]
        for factor, rest in ((other, one), (one, other)):
            if not self.facts.is_value(factor) or self.origins.kind(factor):
                self._carry(rest, result)
                return
        self._put(result, self._product(one, other, result))

    def _put(self, result: Any, product: Product | None) -> None:
        if product is None:
            self.forget(result)
        else:
            self.products.put(result, product)

    def _made_blank(self, args: Sequence[Any], result: Any) -> None:
        del args
        self.products.put(result, Product.blank(self.facts.shape(result)))

    def _chosen(self, args: Sequence[Any], result: Any) -> None:
        """Follow `where`: products, and something else elsewhere."""
        self._carry(next((item for item in args[1:] if self._found(item)), None), result)

    def _scaled(self, args: Sequence[Any], result: Any) -> None:
        self._carry(args[0], result)

    def _carry(self, before: Any, result: Any) -> None:
        """Note that products are scaled, masked or added to, which leaves them products."""
        known = self._found(before)
        if known is None:
            self.forget(result)
            return
        if isinstance(result, list | tuple):  # what an operator gives beside its result
            result = result[0]
        varies = broadcast(known.varies, self._rank(result))
        self.products.put(result, Product(known.pool, varies, cut=known.cut, parts=known.parts))

    def _rank(self, value: Any) -> int:
        return len(self.facts.shape(value))

    def _summed(self, name: str, args: Sequence[Any]) -> list[Amount] | None:
        known = self._found(args[0])
        if known is None or not known.pool.pending:
            return None
        shape = self.facts.shape(args[0])
        axes = summed_axes(name, args, len(shape))
        if not any(known.flags[axis] for axis in axes):
            self.facts.scaled(args[0], axes)
            return None
        return known.pool.taken(prod(shape), args[0], self.facts) or None

    def _scattered(self, name: str, args: Sequence[Any], result: Any) -> list[Amount] | None:
        put = name == "index_put"
        source = self._found(args[2 if put else 3])
        if put and not (len(args) > 3 and args[3]):  # noqa: PLR2004  where it says to add
            self._copied((args[0], args[2]), result)
            return None
        self.forget(result)
        axes = range(sum(item is not None for item in args[1])) if put else (args[1],)
        adds = name != "scatter_reduce" or args[4] in {"sum", "mean"}
        if source is None or not adds or not any(source.flags[axis] for axis in axes):
            return None
        at = [item for item in (args[1] if put else args[2:3]) if self.facts.is_value(item)]
        parts = [part for every in (source.pool.parts or {}).values() for part in every]
        if parts and sum(not self.origins.picked(part, at) for part in parts) < 2:  # noqa: PLR2004
            return None  # it is the same in each sum
        return source.pool.all_of_them() or None

    def _added(self, one: Any, other: Any, result: Any) -> list[Amount] | None:
        first, second = self._found(one), self._found(other)
        if first is None and second is None:
            self.forget(result)
            return None
        if first is None or second is None:
            self._carry(other if first is None else one, result)
            return None
        varies = [broadcast(item.flags, self._rank(result)) for item in (first, second)]
        inside = self.facts.same(one, result)
        if first.pool.parts is None:
            self._filled(first, second, other, result, inside=inside)
            return None
        if second.pool.parts is None:
            self._carry(one, result)
            return None
        either = tuple(a or b for a, b in zip(*varies, strict=True))
        if first.pool is second.pool:
            return self._parts_added((one, first), (other, second), result, either)
        pool = first.pool if inside else Pool({})
        contracts = pool.join([first.pool, second.pool], added=True)
        self.products.put(result, Product(pool, either))
        return pool.all_of_them() or None if contracts else None

    def _parts_added(self, *given: Any) -> list[Amount] | None:
        """Follow the sum of two parts of the same products, or of sums of their parts."""
        (one, first), (other, second), result, varies = given
        parts = [
            known.parts or (self.origins.of(item)[:4],)
            for item, known in ((one, first), (other, second))
        ]
        contracts = first.cut and second.cut and set(parts[0]).isdisjoint(parts[1])
        found: list[Amount] = []
        for item, known in ((one, first), (other, second)) if contracts else ():
            if len(known.parts) < 2:  # noqa: PLR2004  else it was counted when it was summed
                found += first.pool.taken(prod(self.facts.shape(item)), item, self.facts)
        every = (*parts[0], *parts[1]) if contracts else ()
        self.products.put(result, Product(first.pool, varies, cut=contracts, parts=every))
        return found or None

    def _filled(
        self, blank: Product, product: Product, source: Any, result: Any, *, inside: bool
    ) -> None:
        """Note products that were added to zeros, or written to a part of them."""
        flags = broadcast(product.flags, self._rank(result))
        if product.cut and blank.pool.size == prod(self.facts.shape(result)):
            parts = product.parts or (self.origins.of(source)[:4],)
            self.products.put(result, Product(product.pool, flags, cut=True, parts=parts))
        elif inside:
            blank.fill(flags, product)
        else:
            self.products.put(result, Product(product.pool, flags))

    def _copied(self, args: Sequence[Any], result: Any) -> None:
        target, source = self._found(args[0]), self._found(args[1])
        if target is None:
            self._carry(args[1], result)
        elif source is not None:
            if target.pool is not source.pool:
                self._filled(target, source, args[1], result, inside=True)
        elif prod(self.facts.shape(result)) >= target.pool.size:
            self.forget(result)  # all of it was replaced, not only a part

    def _joined(self, name: str, args: Sequence[Any], result: Any) -> None:
        rank = self._rank(result)
        axis = (args[1] if len(args) > 1 else 0) % rank
        # a tensor of shape (0,) joins one of any rank: a cache begins as such
        given = [item for item in args[0] if rank == 1 or self.facts.shape(item) != (0,)]
        parts = [self._found(item) for item in given]
        known = [item for item in parts if item is not None and item.pool.parts is not None]
        self.origins.joined(name, given, axis, result)
        if not known:
            return
        pool = Pool({})
        contracts = pool.join([item.pool for item in known])
        varies = [False] * rank
        for item in known:
            own = list(item.flags)
            if name == "stack":
                own.insert(axis, contracts)
            varies = [a or b for a, b in zip(varies, own, strict=True)]
        varies[axis] = varies[axis] or contracts
        self.products.put(result, Product(pool, tuple(varies)))

    def _moved(self, name: str, args: Sequence[Any], part: Any) -> None:
        before = args[0]
        if not self.facts.is_value(part) or self.facts.same(before, part):
            return
        known = self._found(before)
        if known is not None:
            shapes = self.facts.shape(before), self.facts.shape(part)
            varies = carried(name, args, *shapes, known.varies)
            cut = known.cut or (name in CUTS and shortened(known.flags, *shapes))
            self.products.put(part, Product(known.pool, varies, known.written, cut, known.parts))

    _WAYS: ClassVar[dict[str, Callable[[ContractionTracker, Sequence[Any], Any], None]]] = {
        **dict.fromkeys(PRODUCTS, _multiplied),
        **dict.fromkeys(BLANKS, _made_blank),
        **dict.fromkeys(SCALINGS | MASKS, _scaled),
        "copy": _copied,
        "where": _chosen,
    }
