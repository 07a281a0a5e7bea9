"""Registries: duplicates are errors, unknown names offer near ones."""

import pytest

from convbench.core.errors import DuplicateNameError, UnknownNameError
from convbench.core.registry import Registry


def test_a_registry():
    things = Registry("thing")
    things.register("apple")(1)
    things.register("pear")(2)
    assert list(things) == ["apple", "pear"]
    assert things["pear"] == 2
    assert "apple" in things
    assert len(things) == 2
    with pytest.raises(DuplicateNameError, match="'apple' is registered already"):
        things.register("apple")(3)
    with pytest.raises(UnknownNameError, match="Did you mean apple"):
        things["aple"]
    with pytest.raises(UnknownNameError, match="Known: apple, pear"):
        things["zzz"]


def test_modules_load_once_and_late():
    loads = []
    things = Registry("thing", lambda: loads.append(1))
    things.register("early")(1)
    assert not loads
    assert list(things) == ["early"]
    assert "x" not in things
    assert loads == [1]
