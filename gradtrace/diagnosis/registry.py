"""All rules, by name."""

from gradtrace.diagnosis.rule import Rule

RULES: tuple[Rule, ...] = ()
"""In order of their names."""
