"""The commands: one thin file each.

A command's module defines `command`, a click command whose docstring is its help and which returns the exit status;
`main` names it in its table. Commands import what they need when they run, so that `--help` stays fast. Options that
several commands share, and what they add up to, are in `request`; what all commands that run a program do is in
`traced`; `console` is the only place that looks at the terminal, `messages` the only one that writes to stderr.
"""
