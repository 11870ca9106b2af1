"""What is wrong with a program's gradients: rules that read a trace and say so.

Belongs here: `rules/` with one file a rule, the `registry` that names them, the mechanisms that several rules share,
and what happens to findings before they are shown (`selection`, `ignores`, `baseline`). Imports `analysis` and the
`model`; never torch, and never what shows findings. To add a rule, write `rules/<name>.py` with a page for its
docstring and a `RULE`, and name it in the registry; its page is its first test.
"""
