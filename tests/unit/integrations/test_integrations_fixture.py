"""The fixture of the pytest plugin: what its assertions ask, and what they say."""

import pytest
import torch
from torch import nn

from gradtrace import recorder
from gradtrace.errors import GradtraceError
from gradtrace.integrations.pytest_fixture import GradtraceFixture
from gradtrace.integrations.pytest_summary import lines


class Net(nn.Module):
    """A head on an encoder, which may be cut off, and a layer that nothing uses."""

    def __init__(self, *, is_cut: bool = False) -> None:
        super().__init__()
        self.encoder = nn.Linear(2, 3)
        self.head = nn.Linear(3, 1)
        self.aux = nn.Linear(3, 1)
        self.is_cut = is_cut

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        features = torch.tanh(self.encoder(inputs))
        return self.head(features.detach() if self.is_cut else features)


@pytest.fixture
def gradtrace() -> GradtraceFixture:
    """As the plugin makes it."""
    return GradtraceFixture()


def run(net: nn.Module) -> None:
    net(torch.ones(4, 2)).pow(2).mean().backward()


def test_all_receive_names_who_got_nothing_and_the_line_that_cut_each_off(gradtrace: GradtraceFixture):
    """Names as the model has them; one answer for those that were lost at one place, with its source."""
    net = Net(is_cut=True)
    with gradtrace:
        run(net)
    with pytest.raises(AssertionError) as raised:
        gradtrace.assert_all_receive(net)
    said = str(raised.value)
    head, *_ = said.splitlines()
    assert head == (
        "4 of 6 parameters got no gradient in 1 pass: encoder.weight, encoder.bias, aux.weight and aux.bias"
    )
    assert "return self.head(features.detach()" in said
    assert "encoder.weight and encoder.bias have no .grad because detach() at" in said
    assert "aux.weight and aux.bias have no .grad because nothing that is computed from" in said


def test_all_receive_leaves_out_what_is_ignored_or_frozen(gradtrace: GradtraceFixture):
    """A pattern or a name; parameters that are frozen are not asked about."""
    net = Net()
    net.aux.bias.requires_grad_(requires_grad=False)
    with gradtrace:
        run(net)
    gradtrace.assert_all_receive(net, ignore="aux.*")
    gradtrace.assert_all_receive(net, ignore=["aux.weight"])
    with pytest.raises(AssertionError, match=r"^1 of 5 parameters got no gradient in 1 pass: aux\.weight\n"):
        gradtrace.assert_all_receive(net)


def test_all_receive_takes_tensors_and_calls_them_as_the_program_does(gradtrace: GradtraceFixture):
    """One tensor, several, or a mapping, whose names count."""
    first, second = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    with gradtrace:
        (first * 2 + second.detach()).sum().backward()
    gradtrace.assert_all_receive(first)
    with pytest.raises(AssertionError, match=r"^1 of 2 parameters got no gradient in 1 pass: second\n"):
        gradtrace.assert_all_receive([first, second])
    with pytest.raises(AssertionError, match=r"^1 of 1 parameter got no gradient in 1 pass: shift\n"):
        gradtrace.assert_all_receive({"shift": second})


def test_zeros_are_no_gradient_unless_they_are_allowed(gradtrace: GradtraceFixture):
    """A layer that begins with zeros lets nothing through in the first step."""
    net = Net()
    nn.init.zeros_(net.head.weight)
    with gradtrace:
        run(net)
    gradtrace.assert_all_receive(net, ignore="aux.*", allow_zero=True)
    with pytest.raises(AssertionError, match=r"^2 of 4 parameters got only zeros in 1 pass: encoder\.weight and"):
        gradtrace.assert_all_receive(net, ignore="aux.*")


def test_what_autograd_grad_returns_is_received(gradtrace: GradtraceFixture):
    """A gradient need not land in `.grad`."""
    net = Net()
    with gradtrace:
        torch.autograd.grad(net(torch.ones(4, 2)).sum(), [*net.encoder.parameters(), *net.head.parameters()])
    gradtrace.assert_all_receive(net, ignore="aux.*")


def test_two_models_alike_are_told_apart(gradtrace: GradtraceFixture):
    """It is the tensor that counts, not its name."""
    trained, other = Net(), Net()
    with gradtrace:
        run(trained)
    gradtrace.assert_all_receive(trained, ignore="aux.*")
    with pytest.raises(AssertionError, match=r"^6 of 6 parameters got no gradient"):
        gradtrace.assert_all_receive(other)


def test_a_model_that_the_block_never_met_is_said_to_take_no_part(gradtrace: GradtraceFixture):
    """Nothing is known of it, and that is what is said."""
    held = [{"model": Net()}]
    with gradtrace:
        (torch.ones(2, requires_grad=True) * 2).sum().backward()
    with pytest.raises(AssertionError, match=r"take part in no pass: nothing in the block was computed with"):
        gradtrace.assert_all_receive(held[0]["model"])


def test_finite_shows_the_operation_that_made_the_first_number_that_is_not(gradtrace: GradtraceFixture):
    """The pass, and the finding with its line; numbers that are finite pass."""
    weight = torch.ones(3, requires_grad=True)
    with gradtrace:
        weight.sqrt().sum().backward()
    gradtrace.assert_finite()
    with gradtrace:
        (weight - 1).sqrt().sum().backward()
    with pytest.raises(AssertionError, match=r"^In pass 1 at .*, a gradient is not finite\.\n\nerror\[sqrt-at-zero\]"):
        gradtrace.assert_finite()


@pytest.mark.parametrize(("every", "is_cleared"), [(1, True), (2, True), (1, False)])
def test_cleared_is_about_gradients_that_a_step_has_used(gradtrace: GradtraceFixture, every: int, is_cleared: bool):
    """To add up passes before a step is fine; to add to what a step has used is not."""
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with gradtrace:
        for number in range(4):
            run(net)
            if number % every == every - 1:
                optimizer.step()
                if is_cleared:
                    optimizer.zero_grad()
    if is_cleared:
        gradtrace.assert_cleared()
        return
    with pytest.raises(
        AssertionError, match=r"^Pass 2 at .* added to the gradients of .* which SGD\.step\(\) at .* had"
    ):
        gradtrace.assert_cleared()


def test_gradients_from_before_the_block_are_not_cleared(gradtrace: GradtraceFixture):
    """They are what the block adds to."""
    net = Net()
    run(net)
    with gradtrace:
        run(net)
    with pytest.raises(AssertionError, match="which were there before the block began"):
        gradtrace.assert_cleared()


def test_no_findings_and_explain(gradtrace: GradtraceFixture):
    """All rules are asked; the story is that of the command."""
    net = Net(is_cut=True)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with gradtrace:
        optimizer.zero_grad()
        run(net)
        optimizer.step()
    assert "detach-midgraph" in [finding.rule for finding in gradtrace.findings]
    with pytest.raises(AssertionError, match=r"warning\[detach-midgraph\]"):
        gradtrace.assert_no_findings()
    gradtrace.assert_no_findings(severity="error")
    assert "head.weight" in gradtrace.explain()


def test_an_exception_that_leaves_the_block_is_explained(gradtrace: GradtraceFixture):
    """It goes on to the test, and the trace has it, in a block of its own and inside another recording."""
    with pytest.raises(RuntimeError), gradtrace:
        (torch.ones(3, requires_grad=True) * 2).backward()
    assert [finding.rule for finding in gradtrace.findings] == ["nonscalar-backward"]
    outer = GradtraceFixture()
    with outer:
        with pytest.raises(RuntimeError), gradtrace:
            (torch.ones(3, requires_grad=True) * 2).backward()
        assert recorder.current() is not None
    assert [finding.rule for finding in gradtrace.findings] == ["nonscalar-backward"]
    assert outer.findings == ()


def test_a_block_inside_a_recording_sees_only_itself(gradtrace: GradtraceFixture):
    """What the outer one saw before and after is not its own."""
    first, second = Net(), Net(is_cut=True)
    outer = GradtraceFixture()
    with outer:
        run(first)
        with gradtrace:
            run(second)
        run(first)
    assert [one.index for one in gradtrace.trace.passes] == [2]
    assert [one.index for one in outer.trace.passes] == [1, 2, 3]
    with pytest.raises(AssertionError, match=r"^4 of 6 parameters"):
        gradtrace.assert_all_receive(second)
    with pytest.raises(AssertionError, match=r"^6 of 6 parameters"):
        gradtrace.assert_all_receive(first)
    outer.assert_all_receive(first, ignore="aux.*")


@pytest.mark.parametrize(
    ("ask", "error", "said"),
    [
        (lambda one: one.assert_all_receive(3), GradtraceError, "takes a module or tensors, and not a int"),
        (lambda one: one.assert_all_receive("w"), GradtraceError, "takes a module or tensors, and not a str"),
        (lambda one: one.assert_all_receive(["w"]), GradtraceError, r"takes tensors, and \[0\] is a str"),
        (lambda one: one.assert_all_receive(Net(), ignore="encodr.*"), GradtraceError, "did you mean 'encoder.bias'"),
        (lambda one: one.assert_all_receive(Net(), ignore="*"), GradtraceError, "there is no parameter to ask about"),
        (lambda one: one.assert_no_findings(severity="bad"), GradtraceError, "it is error, warning, info"),
        (lambda one: one.assert_no_findings(ignore="sqrt"), GradtraceError, "there is no rule 'sqrt'"),
    ],
)
def test_a_question_that_means_nothing_is_an_error(gradtrace: GradtraceFixture, ask, error, said):
    """It says what is wrong with it; it never passes."""
    with gradtrace:
        (torch.ones(2, requires_grad=True) * 2).sum().backward()
    with pytest.raises(error, match=said):
        ask(gradtrace)


def test_without_a_block_or_a_pass_nothing_is_asserted(gradtrace: GradtraceFixture):
    """Could not look is never nothing wrong."""
    with pytest.raises(GradtraceError, match="nothing has been recorded yet"):
        gradtrace.assert_finite()
    with gradtrace:
        pass
    for ask in (gradtrace.assert_finite, gradtrace.assert_cleared, lambda: gradtrace.assert_all_receive(Net())):
        with pytest.raises(AssertionError, match="no backward pass ran in the `with gradtrace:` block"):
            ask()


def test_the_end_of_a_run_is_bounded_and_says_what_was_not_seen():
    """Lists are cut, gaps and the borrowed recording are said."""
    none = {"found": [], "milder": 0, "gaps": [], "borrowed": False}
    assert lines([("t::a", none)], shows_findings=True) == []
    shown = lines(
        [
            ("t::a", {**none, "found": ["one"] * 103}),
            ("t::b", {**none, "milder": 1, "gaps": ["why"], "borrowed": True}),
        ],
        shows_findings=True,
    )
    assert shown[0] == "t::a: one"
    assert shown[100] == "and 3 more"
    assert shown[101:103] == ["t::b: why", "could not look at all of 1 test"]
    assert shown[-2:] == [
        "1 warning in 1 test does not count: --gradtrace-severity warning counts it",
        "103 findings in 1 test of 2 that were recorded",
    ]
