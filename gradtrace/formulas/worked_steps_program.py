"""What steps optimizers in worked examples: text, because only the child process that runs it has torch."""

PROGRAM = '''
import json, math, sys
from types import SimpleNamespace
import torch


def plain(value):
    """JSON has neither infinity nor nan."""
    if isinstance(value, torch.Tensor):
        value = (value.to_dense() if value.is_sparse else value).detach().tolist()
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, (tuple, torch.Size)):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def holds(when, scope):
    return not when or bool(eval(when, dict(scope)))


def one_step(task, settings, param, grad, state):
    scope = {"torch": torch, "param": param, **settings}
    scope["grad"] = -grad if settings.get("maximize") else grad
    for name, initial, when in task["state"]:
        scope[name] = state[name] if name in state else eval(initial, dict(scope))
    scope["old"] = SimpleNamespace(param=param, **{name: scope[name] for name, _, _ in task["state"]})
    worked = {}
    for name, code, when, repeat in task["lines"]:
        if holds(when, scope):
            for _ in range(scope[repeat] if repeat else 1):
                value = eval(code, dict(scope))
                names = name.split(", ")
                worked.update(zip(names, value) if len(names) > 1 else [(name, value)])
                scope.update(worked)
    return worked, {name: scope[name] for name, _, _ in task["state"]}


def work(task):
    given = eval(f"dict({task['example']})")
    settings = {}
    for name, default, parts in task["settings"]:
        settings[name] = given.get(name, default)
        settings.update(zip(parts, settings[name]) if parts else ())
    real = torch.tensor(eval(task["param"]), requires_grad=True)
    optimizer = getattr(torch.optim, task["name"])([real], **given)
    before = plain(real)
    steps, state = [], {}
    for text in task["grads"]:
        param = real.detach().clone()

        def closure():
            optimizer.zero_grad()
            loss = eval(task["loss"], {"torch": torch, "param": real})
            loss.backward()
            return loss

        if task["loss"]:
            closure()
            grad = real.grad.clone()
            optimizer.step(closure)
        else:
            grad = torch.tensor(eval(text))
            grad = grad.to_sparse(1) if task["is_sparse"] else grad
            real.grad = grad.clone()
            optimizer.step()
        worked, agrees = {}, None
        if task["lines"]:
            worked, state = one_step(task, settings, param, grad, state)
            agrees = torch.allclose(worked["param"], real.detach(), rtol=1e-4, atol=1e-6)
            worked.pop("param")
        steps.append({
            "grad": plain(grad),
            "values": [[name, plain(value)] for name, value in worked.items()],
            "param": plain(real),
            "agrees": agrees,
        })
    return {"before": before, "steps": steps}


answers = []
for task in json.load(sys.stdin):
    try:
        answers.append(work(task))
    except Exception as error:
        sys.exit(f"{type(error).__name__} in the example of {task['name']}: {' '.join(str(error).split())[:300]}")
json.dump(answers, sys.stdout)
'''
