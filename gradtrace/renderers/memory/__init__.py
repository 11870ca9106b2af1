"""What autograd keeps for a backward pass: a report, JSON and CSV."""
