"""Plugins of pytest that tests need: they can only be named here, above every folder of tests."""

pytest_plugins = ["pytester"]
