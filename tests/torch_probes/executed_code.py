"""Passes of code that has no file: exec, eval, doctest, an interactive interpreter, runpy, and a debugger's commands."""

import code
import doctest
import io
import pathlib
import pdb
import runpy
import sys

import torch

SOURCE = "import torch\nw = torch.ones(2, requires_grad=True)\n(w * 2).sum().backward()\nprint(w.grad, __name__)\n"


def documented():
    """
    >>> w = torch.ones(2, requires_grad=True)
    >>> (w * 2).sum().backward()
    >>> w.grad
    tensor([2., 2.])
    >>> (w * 2).backward()
    Traceback (most recent call last):
    RuntimeError: grad can be implicitly created only for scalar outputs
    """


for _ in range(4):
    exec(SOURCE, {"__name__": "executed"})
    exec(compile(SOURCE, "<cell>", "exec"), {"__name__": "cell"})
    print(
        eval("torch.autograd.grad(leaf.exp().sum(), leaf)", {"torch": torch, "leaf": torch.ones(1, requires_grad=True)})
    )
    doctest.run_docstring_examples(documented, globals())
    console = code.InteractiveInterpreter({"__name__": "console"})
    for line in SOURCE.splitlines():
        console.runsource(line)
    console.runsource("(w * 2).backward()")
pathlib.Path("part.py").write_text(SOURCE)
print(sorted(runpy.run_path("part.py", run_name="part"))[:3])
sys.path.insert(0, ".")
sys.modules.pop("part", None)
runpy.run_module("part", run_name="part")


def debugged():
    w = torch.ones(2, requires_grad=True)
    y = (w * 2).sum()
    y.backward()
    return w.grad


answers = io.StringIO()
print(pdb.Pdb(stdin=io.StringIO("next\nnext\nnext\np w.grad\nargs\ncontinue\n"), stdout=answers).runcall(debugged))
print(answers.getvalue().count("executed_code.py"), "tensor([2., 2.])" in answers.getvalue())
