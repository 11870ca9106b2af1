"""The program that runs worked examples: text, because only the child process that runs it has torch."""

PROGRAM = '''
import ast, json, math, sys
import torch
import torch.nn.functional as F

SHORT = {"float32": "f32", "float64": "f64", "complex64": "c64", "complex128": "c128", "int64": "i64", "bool": "bool"}


def spec(tensor):
    dtype = str(tensor.dtype).removeprefix("torch.")
    return f"{SHORT.get(dtype, dtype)}[{','.join(map(str, tensor.shape))}]"


def plain(value):
    """JSON has neither complex numbers nor nan."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, complex) or (isinstance(value, float) and not math.isfinite(value)):
        return str(value).strip("()")
    return value


def shown(name, value, **more):
    if isinstance(value, torch.Tensor):
        return {"name": name, "spec": spec(value), "value": plain(value.detach().resolve_conj().tolist()), **more}
    return {"name": name, "spec": "", "value": repr(value), **more}


def each(name, value):
    """A list of tensors is shown member by member."""
    if isinstance(value, (list, tuple)) and any(isinstance(item, torch.Tensor) for item in value):
        return [(f"{name}[{i}]", item) for i, item in enumerate(value)]
    return [(name, value)]


def finish(gradient, like):
    """What the engine does after a formula."""
    gradient = gradient.sum_to_size(like.shape) if gradient.shape != like.shape else gradient
    gradient = gradient.real if gradient.is_complex() and not like.is_complex() else gradient
    return gradient.to(like.dtype)


def reached(results):
    todo = [result.grad_fn for result in results]
    seen = {}
    while todo:
        node = todo.pop(0)
        if node is not None and node not in seen:
            seen[node] = node.name().removeprefix("torch::autograd::")
            todo += [following for following, _ in node.next_functions]
    return list(dict.fromkeys(seen.values()))


def ones_upwards(result):
    count = torch.arange(1, result.numel() + 1, dtype=result.real.dtype if result.is_complex() else result.dtype)
    return count.reshape(result.shape).to(result.dtype)


def work(task):
    torch.manual_seed(0)
    scope = {"torch": torch, "F": F, "math": math, "tensor": torch.tensor}
    statements = ast.parse(task["example"]).body
    own = []
    for statement in statements[:-1]:
        exec(ast.unparse(statement), scope)
        own.append(statement.targets[0].id)
    wanted = {name.removesuffix("*") for name, _ in task["gradients"]}
    leaves = dict(
        (name, value.requires_grad_() if isinstance(value, torch.Tensor) and value.is_leaf else value)
        for argument in own if argument in wanted for name, value in each(argument, scope[argument])
    )
    exec(ast.unparse(statements[-1]), scope)
    target = statements[-1].targets[0]
    names = [name.id for name in target.elts] if isinstance(target, ast.Tuple) else [target.id]
    outputs = [pair for name in names for pair in each(name, scope[name])]
    followed = [(name, output) for name, output in outputs if isinstance(output, torch.Tensor) and output.requires_grad]
    if not any("grads" in code for _, code in [*task["where"], *task["gradients"]]):
        followed = followed[:1]  # the formula tells what the first result's gradient does
    grads = [ones_upwards(output) for _, output in followed]
    real = torch.autograd.grad(
        [output for _, output in followed], list(leaves.values()), grads, allow_unused=True, materialize_grads=True
    )
    real = dict(zip(leaves, real))
    outside = {name: value for name, value in scope.items()}
    by_name = dict(zip((name for name, _ in followed), grads))
    differentiable = [pair for pair in outputs if isinstance(pair[1], torch.Tensor) and pair[1].requires_grad]
    scope["grads"] = [by_name.get(name, torch.zeros_like(output)) for name, output in differentiable]
    scope["grad"] = scope["grads"][0]
    gradients = []
    with torch.no_grad():
        for name, code in task["where"]:
            scope[name] = eval(code, scope)
        for argument, code in task["gradients"]:
            for name, value in each(argument.removesuffix("*"), eval(code, scope)):
                value = finish(value, leaves[name])
                agrees = torch.allclose(value, real[name], rtol=1e-4, atol=1e-5, equal_nan=True)
                gradients.append(shown(name, value, agrees=agrees))
    arguments = [shown(*pair) for name in own for pair in each(name, outside[name])]
    return {
        "arguments": arguments,
        "results": [shown(*pair) for pair in outputs],
        "grads": [shown("grad" if len(grads) == 1 else f"grad of {name}", g) for (name, _), g in zip(followed, grads)],
        "gradients": gradients,
        "nodes": reached([output for _, output in followed]),
    }


answers = []
for task in json.load(sys.stdin):
    try:
        answers.append(work(task))
    except Exception as error:
        sys.exit(f"{type(error).__name__} in the example of {task['op']}: {' '.join(str(error).split())[:300]}")
json.dump(answers, sys.stdout)
'''
