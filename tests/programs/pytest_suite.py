"""A suite of a user's, which tests/unit/integrations runs under `pytest --gradtrace`; known by its lines."""

import unittest

import pytest
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, is_cut=False):
        super().__init__()
        self.encoder = nn.Linear(4, 8)
        self.head = nn.Linear(8, 1)
        self.is_cut = is_cut

    def forward(self, inputs):
        features = torch.tanh(self.encoder(inputs))
        if self.is_cut:
            features = features.detach()
        return self.head(features)


def train(net, is_cleared=True):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(3):
        if is_cleared:
            optimizer.zero_grad()
        net(torch.ones(2, 4)).pow(2).mean().backward()
        optimizer.step()


@pytest.fixture
def poisoned_by_its_fixture():
    weight = torch.zeros(3, requires_grad=True)
    weight.sqrt().sum().backward()


def root_of_zero():
    weight = torch.zeros(3, requires_grad=True)
    weight.sqrt().sum().backward()


def test_sound():
    train(Net())


def test_forgets_to_clear():
    train(Net(), is_cleared=False)


@pytest.mark.parametrize("size", [1, 2])
def test_with_parameters(size):
    root_of_zero()


def test_a_fixture_is_not_the_test(poisoned_by_its_fixture):
    pass


def test_comment():
    weight = torch.zeros(3, requires_grad=True)
    weight.sqrt().sum().backward()  # gradtrace: ignore[sqrt-at-zero]


@pytest.mark.gradtrace(ignore=["sqrt-at-zero"])
def test_mark_that_ignores():
    root_of_zero()


def test_milder():
    train(Net(is_cut=True))


@pytest.mark.gradtrace(severity="warning")
class TestMark:
    def test_mark_of_a_class(self):
        train(Net(is_cut=True))

    @pytest.mark.gradtrace(severity="error")
    def test_nearest_mark_counts(self):
        train(Net(is_cut=True))


@pytest.mark.gradtrace(ignore=["sqrt-at-zeero"])
def test_mark_with_a_slip():
    pass


@pytest.mark.gradtrace(records=False)
def test_mark_with_an_unknown_argument():
    pass


@pytest.mark.gradtrace(record=False)
def test_that_records_by_itself():
    import gradtrace

    with gradtrace.record() as recording:
        root_of_zero()
    assert len(recording.trace.passes) == 1


def test_expects_an_exception():
    loss = Net()(torch.ones(2, 4)).sum()
    loss.backward()
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_dies():
    loss = Net()(torch.ones(2, 4)).sum()
    loss.backward()
    loss.backward()


@pytest.mark.xfail
def test_expected_to_fail():
    root_of_zero()


@pytest.mark.xfail(strict=True)
def test_expected_to_fail_for_certain():
    root_of_zero()


class TestOfUnittest(unittest.TestCase):
    def test_of_unittest(self):
        root_of_zero()

    def test_of_unittest_that_dies(self):
        (torch.ones(3, requires_grad=True) * 2).backward()


class TestAsync(unittest.IsolatedAsyncioTestCase):
    async def test_async(self):
        root_of_zero()


def test_block_in_a_recorded_test(gradtrace):
    net = Net(is_cut=True)
    net(torch.ones(2, 4)).sum().backward()
    net.zero_grad()
    with gradtrace:
        net(torch.ones(2, 4)).sum().backward()
    gradtrace.assert_all_receive(net, ignore="encoder.*")
    gradtrace.assert_cleared()
    gradtrace.assert_finite()
    with pytest.raises(AssertionError, match=r"2 of 4 parameters got no gradient in 1 pass: encoder\.weight and"):
        gradtrace.assert_all_receive(net)


def test_without_torch():
    assert 1 + 1 == 2
