"""What people see in a terminal: progress, lists, explanations."""
