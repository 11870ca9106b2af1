"""Hosts other than the command line: what they ask of us, and how they show what was found.

Belongs here: one module for what a host loads at its start, which imports nothing but the host (`pytest_plugin`), and
those that it imports when it is used. For pytest, `block` records a stretch of the host's own process, or looks at it
through the recorder that is at work already. For IPython, `ipython_extension` has the magics, `kernel_recording` the
recording that goes on from look to look, and `look` runs the command of the command line that shows it. To add a host,
add its module, and its entry point in pyproject.toml or its function in `gradtrace/__init__.py`.
"""
