"""The cases, one file a family. Adding a case is one decorated function in any of these files."""
