"""What is said of compiled regions."""

import json
from dataclasses import replace

import builders
from builders import at

import gradtrace
from gradtrace.model import CompiledOp, CompiledRegion, Graph, GraphBreak, Node, Trace

LINE = at(7, "h = self.fc(x).tanh()", "self.fc(x)", "net.py", "forward")


def compiled(*regions: CompiledRegion) -> Trace:
    """A pass through these regions, the last one first."""
    trace = builders.product_trace()
    nodes = tuple(
        Node(
            number,
            "CompiledFunctionBackward",
            f"compiled region ({region.backend})" if region.backend else "compiled region",
            location=at(3, "net(x)"),
            is_custom=True,
            call_number=number + 1,
            region=region,
        )
        for number, region in enumerate(reversed(regions))
    )
    edges = tuple(replace(trace.passes[0].graph.edges[0], source=at_, target=at_ + 1) for at_ in range(len(nodes) - 1))  # type: ignore[union-attr]
    one = replace(trace.passes[0], graph=Graph(nodes, edges), roots=(), accumulations=())
    return replace(trace, run=replace(trace.run, expression=None), passes=(one,))


def said(trace: Trace, **options: bool) -> str:
    """The last part of the story, on one line."""
    text = gradtrace.explain(trace, width=120, **options)  # type: ignore[arg-type]
    return " ".join(text[text.index("What torch.compile made") :].split())


def test_a_region_opens_to_its_backward_graph() -> None:
    """Op, shape with its symbols, module and the line of the program."""
    ops = (
        CompiledOp("aten.tanh_backward.default", ("s0", 4), "float32", LINE, "fc"),
        CompiledOp("aten.native_layer_norm_backward.default", None, None, None, None),
    )
    text = said(compiled(CompiledRegion(0, "inductor", ops)))
    assert text.startswith("What torch.compile made: 1 compiled region at train.py:3 Values inside are not measured")
    assert "the operations are fused; below is the backward graph before it was compiled." in text
    assert "tanh_backward f32[s0,4] fc net.py:7 h = self.fc(x).tanh()" in text
    assert "native_layer_norm_backward" in text


def test_graph_breaks_and_what_came_from_a_cache() -> None:
    """Each break with its line and reason; of cached code it is said that nobody saw its graph."""
    broken = CompiledRegion(1, "inductor", None, (GraphBreak("Unsupported Tensor.item() call", LINE),))
    text = said(compiled(CompiledRegion(0, "inductor", None), broken))
    assert "1 graph break, each of which ends a region: net.py:7 h = self.fc(x).tanh() Unsupported Tensor" in text
    assert text.count("it came from a cache of compiled code, so that its backward graph was not seen.") == 2
    assert "TORCHINDUCTOR_FORCE_DISABLE_CACHES=1 compiles it anew." in text
    assert "tlparse" not in text


def test_many_ops_are_cut() -> None:
    """Until all are asked for."""
    trace = compiled(CompiledRegion(0, None, (CompiledOp("aten.mm.default"),) * 30))
    assert "18 more; --verbose shows all" in said(trace)
    assert said(trace, verbose=True).count("mm") == 30
    node = json.loads(gradtrace.render(trace, "json"))["passes"][0]["graph"]["nodes"][0]
    assert len(node["region"]["ops"]) == 30
