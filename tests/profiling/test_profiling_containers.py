"""Containers that a module reaches are as before, whatever their classes override."""

import array
import collections
import enum
import queue
import types
import weakref

import pytest
import torch
from torch import nn

from convbench.counting.engine.run import profile

X = torch.zeros(2, 8)


class Instantiating(collections.OrderedDict):
    """Hands out an instance of the class that it holds, as a table of activations does."""

    def __getitem__(self, key):
        content = super().__getitem__(key)
        return content() if isinstance(content, type) else content


class Lazy(dict):
    def __getitem__(self, key):
        return dict.__getitem__(self, key)()

    def __iter__(self):
        return iter(sorted(map(str, dict.keys(self))))

    def keys(self):
        return [key.upper() for key in dict.keys(self)]

    def update(self, *_):
        raise TypeError("read only")

    clear = update


class Reversed(list):
    def __iter__(self):
        return reversed([list.__getitem__(self, i) for i in range(len(self))])

    def __setitem__(self, *_):
        raise TypeError("read only")

    def __getitem__(self, index):
        return f"item {index}"


class Fixed(set):
    def clear(self):
        raise TypeError("read only")

    update = clear


class Recent(collections.deque):
    def extend(self, _):
        raise TypeError("read only")

    def __iter__(self):
        return iter(())


class Slotted:
    __slots__ = ("__private", "held")

    def __init__(self):
        self.held, self.__private = 0, 1

    def __getattribute__(self, name):
        raise AttributeError(name)

    @classmethod
    def raw(cls, self):
        members = [vars(cls)[name] for name in ("held", "_Slotted__private")]
        return [member.__get__(self) for member in members]


class Guarded(type):
    def __setattr__(cls, name, value):
        raise AttributeError(f"{name} cannot be set")


class Table(metaclass=Guarded):
    entries = (1, 2)


class Colour(enum.Enum):
    RED = 1


class Keeper(nn.Module):
    def __init__(self, held, change=lambda held: None):
        super().__init__()
        self.layer, self.held, self.change = nn.Linear(8, 8), held, change
        self.table, self.colour = Table, Colour.RED

    def forward(self, x):
        self.change(self.held)
        return self.layer(x)


def raw(held):  # noqa: PLR0911  one line a kind
    """What a container holds, by the methods of its own kind."""
    for kind in (collections.OrderedDict, dict):
        if isinstance(held, kind):
            return [(key, dict.__getitem__(held, key)) for key in kind.__iter__(held)]
    if isinstance(held, list):
        return list.__getitem__(held, slice(None))
    for kind in (set, collections.deque):
        if isinstance(held, kind):
            return sorted(kind.__iter__(held), key=str)
    if isinstance(held, Slotted):
        return Slotted.raw(held)
    if isinstance(held, queue.Queue):
        return list(held.queue)
    if isinstance(held, weakref.WeakValueDictionary):
        return dict(held.items())
    if isinstance(held, types.SimpleNamespace | collections.UserDict):
        return list(vars(held).items())
    return list(held)


class Thing:
    """What a weak dictionary can hold."""


THING = Thing()


def ordered(kind=collections.OrderedDict):
    return kind([("b", nn.ReLU), ("a", nn.Tanh), ("c", int)])


def weakly():
    return weakref.WeakValueDictionary(a=THING)


HELD = {
    # what: (how it is made, what a forward does to it)
    "a dict that instantiates": (
        lambda: ordered(Instantiating),
        lambda held: collections.OrderedDict.move_to_end(held, "b"),
    ),
    "a dict that overrides all": (
        lambda: Lazy(b=list, a=dict),
        lambda held: dict.__setitem__(held, "c", int),
    ),
    "an ordered dict, reordered": (ordered, lambda held: held.move_to_end("a")),
    "an ordered dict, emptied": (ordered, lambda held: held.clear()),
    "an ordered dict, with more": (ordered, lambda held: held.update(d=1)),
    "a dict, reordered": (lambda: {"b": 1, "a": 2}, lambda held: held.update(b=held.pop("b"))),
    "a default dict": (lambda: collections.defaultdict(list), lambda held: held["new"]),
    "a counter": (lambda: collections.Counter("aab"), lambda held: held.update("c")),
    "a list that overrides all": (lambda: Reversed([1, 2]), lambda held: held.append(3)),
    "a set that cannot be cleared": (lambda: Fixed({1, 2}), lambda held: held.add(3)),
    "a deque that shows nothing": (lambda: Recent([1, 2], 5), lambda held: held.append(3)),
    "an array": (lambda: array.array("d", [1, 2]), lambda held: held.append(3)),
    "an array, changed": (lambda: array.array("d", [1, 2]), lambda held: held.__setitem__(0, 9)),
    "a bytearray": (lambda: bytearray(b"ab"), lambda held: held.extend(b"c")),
    "a queue": (queue.Queue, lambda held: held.put(3)),
    "a namespace": (lambda: types.SimpleNamespace(a=1), lambda held: vars(held).update(b=2)),
    "a user dict": (lambda: collections.UserDict(a=1), lambda held: held.update(b=2)),
    "a chain of maps": (
        lambda: collections.ChainMap({"a": 1}),
        lambda held: held.update(b=2),
    ),
    "a weak dictionary": (weakly, lambda held: held.pop("a")),
    "slots that nobody reads": (
        Slotted,
        lambda held: vars(Slotted)["_Slotted__private"].__set__(held, 5),
    ),
}


@pytest.mark.parametrize("touched", [False, True])
@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("case", HELD)
def test_containers_are_as_before(case, backward, touched):
    make, change = HELD[case]
    held = make()
    before = raw(held)
    module = Keeper(held, change if touched else lambda _: None)
    assert profile(module, X, backward=backward).total.multiplications == (256 if backward else 128)
    assert module.held is held
    assert raw(held) == before
    assert list(map(type, raw(held))) == list(map(type, before))


@pytest.mark.parametrize("touched", [False, True])
def test_other_models_can_still_be_made(touched):
    table = ordered(Instantiating)

    class Acting(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.act = nn.Linear(8, 8), table["b"]

        def forward(self, x):
            if touched:
                table["new"] = nn.GELU
            return table["a"](self.act(self.layer(x)))

    profile(Acting(), X)
    assert dict.__getitem__(table, "b") is nn.ReLU
    assert Acting().act is not Acting().act
    assert list(table) == ["b", "a", "c"]


class Hooking(nn.Module):
    """Adds hooks to a layer when it runs, beside those that are there."""

    def __init__(self, before):
        super().__init__()
        self.layer = nn.Linear(8, 8)
        for _ in range(before):
            self.layer.register_forward_hook(lambda *_: None)
            self.layer.register_forward_pre_hook(lambda *_: None)

    def forward(self, x):
        hook = self.layer.register_forward_hook(lambda *_: None, with_kwargs=False)
        self.layer.register_forward_pre_hook(lambda *_: None, prepend=True)
        self.layer.register_full_backward_hook(lambda *_: None)
        y = self.layer(x)
        hook.remove()
        return y


@pytest.mark.parametrize("before", [0, 1, 3])
@pytest.mark.parametrize("backward", [False, True])
def test_hooks_added_in_forward(before, backward):
    module = Hooking(before)
    hooks = [list(module.layer._forward_hooks), list(module.layer._forward_pre_hooks)]
    profile(module, X, backward=backward)
    assert hooks == [list(module.layer._forward_hooks), list(module.layer._forward_pre_hooks)]
    assert module(X.requires_grad_()).shape == X.shape
    assert profile(module, X).total.multiplications == 128


def test_attributes_keep_their_order():
    class Renews(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.first, self.second = nn.Linear(8, 8), 1, 2

        def forward(self, x):
            del self.first
            self.first = 3
            self.layer.bias = self.layer._parameters.pop("bias")
            self.layer.weight = self.layer._parameters.pop("weight")
            return self.layer(x)

    module = Renews()
    before, names = list(vars(module)), list(module.state_dict())
    profile(module, X)
    assert list(vars(module)) == before
    assert list(module.state_dict()) == names
    assert module.first == 1
