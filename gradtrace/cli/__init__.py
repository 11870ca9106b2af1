"""The commands: one thin file each.

A command's module defines `command`, a function annotated for Typer whose docstring is its help and which returns the
exit status; `main` names it in its table, which is all that `gradtrace --help` reads. Commands import what they need
when they run, so that they start fast. Options that several commands declare alike are in `options`; those of every
command with a TARGET, and what they add up to, in `request`; what `command` adds to Typer's own classes stands there;
what all commands that run a program do is in `traced`; `console` is the only place that looks at the terminal,
`messages` the only one that writes to stderr.
"""
