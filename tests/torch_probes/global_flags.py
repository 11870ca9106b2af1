"""All of torch's switches before, during and after passes, and determinism asked for."""

import torch


def flags():
    return {
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "autocast": [torch.is_autocast_enabled(), torch.is_autocast_enabled("cpu"), torch.is_autocast_cache_enabled()],
        "dtype": [torch.get_default_dtype(), torch.get_autocast_dtype("cpu")],
        "threads": [torch.get_num_threads(), torch.get_num_interop_threads()],
        "deterministic": [
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ],
        "fill": torch.utils.deterministic.fill_uninitialized_memory,
        "anomaly": [torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()],
        "multithreading": torch.autograd.is_multithreading_enabled(),
        "views": torch.autograd.is_view_replay_enabled(),
        "matmul": torch.get_float32_matmul_precision(),
        "warn": torch.is_warn_always_enabled(),
        "function": torch._C._is_torch_function_enabled(),
        "functions": torch._C._is_torch_function_all_disabled(),
        "tracing": torch._C._get_tracing_state(),
        "dispatch": torch._C._len_torch_dispatch_stack(),
        "saved": torch._C._autograd._saved_tensors_hooks_is_enabled(),
        "profiler": torch.autograd._profiler_enabled(),
        "keys": [
            str(torch._C._dispatch_tls_is_dispatch_key_excluded(k))
            for k in ("AutogradCPU", "ADInplaceOrView", "Python")
        ],
        "compiling": [torch.compiler.is_compiling(), torch.compiler.is_dynamo_compiling()],
    }


class Asks(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a):
        print("forward", flags())
        return a * 2

    @staticmethod
    def backward(ctx, g):
        print("backward", flags())
        return g


for step in range(5):
    w = torch.ones(3, requires_grad=True)
    w.register_hook(lambda g: print("hook", flags()))
    print(step, flags())
    Asks.apply(w).sum().backward()
    torch.optim.SGD([w], lr=0.1).step()
    print(flags())
    if step == 1:
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.set_default_dtype(torch.float64)
    if step == 2:
        torch.autograd.set_multithreading_enabled(False)
        torch.set_warn_always(True)
    if step == 3:
        torch.use_deterministic_algorithms(False)
        torch.set_default_dtype(torch.float32)
print(flags())
