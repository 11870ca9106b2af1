"""Exceptions of all kinds raised in hooks and in backward code, by signals too: they arrive, and the next pass is well."""

import signal
import traceback

import torch


class Own(BaseException):
    pass


def interrupts(*_):
    signal.raise_signal(signal.SIGINT)


def alarms(*_):
    signal.raise_signal(signal.SIGALRM)


def of_alarm(*_):
    raise TimeoutError("alarm")


def raises(kind):
    def hook(*_):
        raise kind("from a hook")

    return hook


class Fails(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, how):
        ctx.how = how
        return a * 2

    @staticmethod
    def backward(ctx, g):
        ctx.how()
        return g, None


signal.signal(signal.SIGALRM, of_alarm)
w = torch.ones(3, requires_grad=True)
HOWS = [
    interrupts,
    alarms,
    *map(raises, (ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError, StopIteration, Own)),
]
for turn in range(3):
    for how in HOWS:
        for place in ("hook", "node", "function", "accumulated"):
            w = torch.ones(3, requires_grad=True)
            y = Fails.apply(w, how) if place == "function" else w * 2
            if place == "hook":
                y.register_hook(how)
            if place == "node":
                y.grad_fn.register_hook(how)
            if place == "accumulated":
                w.register_post_accumulate_grad_hook(how)
            try:
                y.sum().backward()
                print(place, "survived")
            except BaseException as error:
                print(turn, place, type(error).__name__, error, w.grad, error.__context__, error.__cause__)
                print(
                    len([one for one in traceback.extract_tb(error.__traceback__) if "gradtrace" not in one.filename])
                )
    x = torch.ones(2, requires_grad=True)
    (x * 3).sum().backward()
    print(x.grad, torch.autograd.grad((x * x).sum(), x))
