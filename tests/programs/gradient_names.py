"""What the test compares with: the parameters that got a gradient, as `named_parameters()` calls them."""


def print_gradient_names(**models):
    for variable, model in models.items():
        prefix = f"{variable}." if len(models) > 1 else ""
        for name, parameter in model.named_parameters():
            if parameter.grad is not None:
                print(f"named {prefix}{name}")
