"""The pytest plugin: options, the mark, the fixture; what they need is imported when a test uses it.

pytest imports this module in every project whose environment has gradtrace: it imports nothing but pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from gradtrace.integrations.pytest_fixture import GradtraceFixture

SEVERITIES = ("error", "warning", "info")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options and the keys of the configuration file."""
    group = parser.getgroup("gradtrace", "gradients (gradtrace)")
    add = group.addoption
    add(
        "--gradtrace",
        dest="gradtrace_mode",
        action="store_const",
        const="fail",
        help="record what autograd does in each test, and fail the tests in which something is wrong with gradients",
    )
    add(
        "--gradtrace-warn",
        dest="gradtrace_mode",
        action="store_const",
        const="warn",
        help="the same, but only report what is found",
    )
    add(
        "--no-gradtrace",
        dest="gradtrace_mode",
        action="store_const",
        const="off",
        help="record nothing, whatever the configuration file says",
    )
    add(
        "--gradtrace-severity",
        choices=SEVERITIES,
        metavar="LEVEL",
        help="the least severe findings that count: error (default), warning or info",
    )
    parser.addini("gradtrace", "record each test, as --gradtrace does", type="bool", default=False)
    parser.addini("gradtrace_warn", "only report what is found, as --gradtrace-warn does", type="bool", default=False)
    parser.addini("gradtrace_severity", "the least severe findings that count: error, warning or info", default="error")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark; record the tests if that was asked for."""
    config.addinivalue_line(
        "markers",
        "gradtrace(*, ignore=[], severity='error', record=True): which findings of gradtrace count in this test",
    )
    mode = config.getoption("gradtrace_mode") or _configured(config)
    if mode != "off":
        from gradtrace.integrations.pytest_items import ItemRecorder

        config.pluginmanager.register(ItemRecorder(config, fails=mode == "fail"), "gradtrace-items")


def _configured(config: pytest.Config) -> str:
    if config.getini("gradtrace_warn"):
        return "warn"
    return "fail" if config.getini("gradtrace") else "off"


@pytest.fixture
def gradtrace(request: pytest.FixtureRequest) -> GradtraceFixture:
    """Records what runs in `with gradtrace:`, and asserts that its gradients are what they should be."""
    from gradtrace.integrations.pytest_fixture import GradtraceFixture

    config = request.config
    return GradtraceFixture((config.rootpath, request.path.parent, config.invocation_params.dir))
