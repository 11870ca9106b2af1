"""The table of formats fits the modules that draw them."""

import dataclasses
import importlib
from pathlib import PurePath

import pytest

from gradtrace.errors import UsageError
from gradtrace.formulas.closed_form import _found
from gradtrace.renderers import registry


@pytest.mark.parametrize("drawn_as", registry.FORMATS, ids=lambda item: item.name)
def test_every_format_has_its_module_and_its_options(drawn_as):
    """Presets are options that the module has, frozen and with defaults."""
    options = importlib.import_module(f"gradtrace.renderers.{drawn_as.module}").Options

    assert drawn_as.preset.keys() <= {item.name for item in dataclasses.fields(options)}
    assert drawn_as.options.isdisjoint(drawn_as.preset)
    assert drawn_as.shows_one_pass == ("pass_index" in drawn_as.options)
    assert options(**drawn_as.preset) == options(**drawn_as.preset)


def test_every_format_belongs_to_a_command():
    """A name stands once in the table, and some command writes it."""
    names = [item.name for item in registry.FORMATS]

    assert len(set(names)) == len(names)
    assert {*registry.PICTURES, *registry.STORIES, *registry.DIAGNOSES} == set(names)


@pytest.mark.parametrize("command", [registry.PICTURES, registry.STORIES, registry.DIAGNOSES])
def test_within_a_command_a_suffix_names_one_format(command: tuple[str, ...]):
    """So that the order of the table does not matter; `.txt` is the tree of one command and the report of another."""
    suffixes = [suffix for item in registry.FORMATS if item.name in command for suffix in item.suffixes]

    assert len(set(suffixes)) == len(suffixes)


def test_closed_forms_are_found_ahead_for_stories_alone():
    """While an expression runs; a document and a drawing hold none."""
    _found.cache_clear()
    for name in ("json", "tree", "markdown"):
        registry.find(name, (name,)).prepare()
        assert not _found.cache_info().currsize
        registry.find(name, (name,)).prepare("w*w", ("w=0.5",))

    assert _found.cache_info().currsize


def test_the_suffix_names_the_format():
    """In any case of letters."""
    assert registry.for_file(PurePath("a/b.SVG"), registry.PICTURES).name == "svg"


def test_a_format_of_another_command_is_refused():
    """With the formats that this one has."""
    with pytest.raises(UsageError, match="there is no format 'svg' here: choose text, markdown, json"):
        registry.find("svg", registry.STORIES)
