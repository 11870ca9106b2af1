"""Facts about a trace from which rules are told: each is found out once, when a rule first asks for it."""
