"""The audited counters, one file a tool. Adding one is a file here."""
