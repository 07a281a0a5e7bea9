"""The counters, one file a tool: `run`, `count`, `explain` and `audit` ask these."""
