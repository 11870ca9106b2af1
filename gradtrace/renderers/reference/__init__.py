"""Pages about formulas and rules."""
