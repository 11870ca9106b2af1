"""Pictures: which engine draws, what is said when one is missing or fails, and that pixels are capped."""

import shutil
import struct
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import builders
import pytest

from gradtrace.errors import RenderError
from gradtrace.renderers.picture import graphviz_programs, pictures, svg

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


@pytest.fixture
def no_dot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither Graphviz nor its port."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))


@pytest.fixture
def only_the_port(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What `pip install 'gradtrace[graphviz]'` brings, in an environment that is not activated."""
    if shutil.which("graphviz-pure", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("graphviz-pure is not installed, which has wheels for some systems only")
    monkeypatch.setenv("PATH", str(tmp_path))


def _fake_dot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str) -> None:
    script = tmp_path / "dot"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


def _size(png: str | bytes) -> tuple[int, int]:
    assert isinstance(png, bytes)
    assert png.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def _options(**fields: object) -> pictures.Options:
    return pictures.Options(**fields)  # type: ignore[arg-type]


@pytest.mark.usefixtures("no_dot")
def test_without_graphviz_svg_is_drawn_by_the_builtin_engine() -> None:
    """SVG needs nothing that is not there."""
    assert pictures.render(builders.product_trace()) == pictures.render(
        builders.product_trace(), _options(engine="builtin")
    )


@pytest.mark.usefixtures("no_dot")
def test_without_graphviz_png_is_drawn_from_our_svg() -> None:
    """PNG then comes from the extra."""
    pytest.importorskip("resvg_py")

    width, height = _size(pictures.render(builders.product_trace(), _options(format="png")))

    assert min(width, height) > 400


@pytest.mark.usefixtures("no_dot")
def test_without_graphviz_and_the_extra_png_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to a PNG are named."""
    monkeypatch.setitem(sys.modules, "resvg_py", None)

    with pytest.raises(RenderError, match=r"pip install 'gradtrace\[png\]'.*apt-get install graphviz"):
        pictures.render(builders.product_trace(), _options(format="png"))


@pytest.mark.usefixtures("no_dot")
def test_without_graphviz_and_the_extra_pdf_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to a PDF are named."""
    monkeypatch.setitem(sys.modules, "typst", None)

    with pytest.raises(RenderError, match=r"pip install 'gradtrace\[pdf\]'.*apt-get install graphviz"):
        pictures.render(builders.product_trace(), _options(format="pdf"))
    with pytest.raises(RenderError, match=r"there is no `dot` on PATH.*--engine builtin"):
        pictures.render(builders.product_trace(), _options(format="pdf", engine="dot"))


@pytest.mark.usefixtures("no_dot")
def test_without_graphviz_pdf_is_made_of_our_svg() -> None:
    """On one page of the picture's size, with its text as text."""
    pytest.importorskip("typst")

    printed = pictures.render(builders.product_trace(), _options(format="pdf"))

    assert isinstance(printed, bytes)
    assert printed.startswith(b"%PDF")
    assert b"/Count 1" in printed
    assert b"/ToUnicode" in printed


def test_a_machine_without_fonts_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than given a picture without a word."""
    pytest.importorskip("resvg_py")
    monkeypatch.setattr(svg, "FONT_STACK", "no such font")

    with pytest.raises(RenderError, match=r"PNG needs a font.*apt-get install fonts"):
        pictures.render(builders.product_trace(), _options(format="png"))


@pytest.mark.parametrize("engine", ["builtin", pytest.param("dot", marks=needs_dot)])
def test_two_pictures_in_one_page_do_not_disturb_each_other(engine: str) -> None:
    """No rule reaches beyond its own picture, and no id is in both."""
    both = [
        ET.fromstring(str(pictures.render(trace, _options(engine=engine, theme=theme))))
        for trace, theme in ((builders.product_trace(), "light"), (builders.module_net_trace(), "dark"))
    ]

    ids = [{one.get("id") for one in root.iter()} - {None} for root in both]
    assert ids[0].isdisjoint(ids[1])
    for root in both:
        for style in root.iter("{http://www.w3.org/2000/svg}style"):
            rules = [rule.partition("{")[0] for rule in (style.text or "").split("}") if rule]
            assert rules
            assert all(rule.startswith(f".{root.get('class')} ") for rule in rules)
    assert engine == "dot" or both[0].get("class") != both[1].get("class")


@pytest.mark.usefixtures("no_dot")
def test_asking_for_dot_without_graphviz_says_what_to_install() -> None:
    """`--engine dot` does not fall back in silence."""
    with pytest.raises(RenderError, match=r"there is no `dot` on PATH.*gradtrace\[graphviz\].*--engine builtin"):
        pictures.render(builders.product_trace(), _options(engine="dot"))


def test_an_unknown_engine_lists_the_engines() -> None:
    """An engine that does not exist is an error with the list."""
    with pytest.raises(RenderError, match="choose auto, builtin, dot"):
        pictures.render(builders.product_trace(), _options(engine="elk"))


def test_a_hanging_dot_is_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """When the time is over, dot is killed and the message says what to do."""
    _fake_dot(monkeypatch, tmp_path, "exec sleep 60")
    monkeypatch.setattr(graphviz_programs, "SECONDS", 0.2)

    with pytest.raises(RenderError, match=r"dot was stopped after 0.2 seconds.*--depth N.*--engine builtin"):
        pictures.render(builders.product_trace(), _options(engine="dot"))


def test_a_failing_dot_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The first line of what dot said is in the message, made harmless."""
    _fake_dot(monkeypatch, tmp_path, "printf 'out of \\033[31mmemory\\nmore' >&2; exit 3")

    with pytest.raises(RenderError, match=r"dot failed with status 3: out of \\x1b\[31mmemory\. Draw less"):
        pictures.render(builders.product_trace(), _options(engine="dot"))


def test_a_killed_dot_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A signal is named."""
    _fake_dot(monkeypatch, tmp_path, "kill -9 $$")

    with pytest.raises(RenderError, match="dot was killed by signal 9"):
        pictures.render(builders.product_trace(), _options(engine="dot"))


def test_a_silent_dot_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A dot that writes nothing and succeeds is no picture either."""
    _fake_dot(monkeypatch, tmp_path, "cat > /dev/null < /dev/null")

    with pytest.raises(RenderError, match="dot wrote nothing"):
        pictures.render(builders.product_trace(), _options(engine="dot"))


def test_too_many_boxes_are_not_handed_to_dot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`dot` refuses with the reason."""
    _fake_dot(monkeypatch, tmp_path, "exec sleep 60")
    monkeypatch.setattr(pictures, "DOT_LIMIT", 3)

    with pytest.raises(RenderError, match=r"4 boxes, and dot takes minutes.*--engine builtin"):
        pictures.render(builders.product_trace(), _options(engine="dot"))


@pytest.mark.parametrize("engine", ["builtin", pytest.param("dot", marks=needs_dot)])
def test_pixels_are_capped(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No side is longer and no area larger than the limits, whatever is drawn."""
    if engine == "builtin":
        pytest.importorskip("resvg_py")
    monkeypatch.setattr(graphviz_programs, "LONGEST_SIDE", 500)
    monkeypatch.setattr(graphviz_programs, "LARGEST_AREA", 90_000)

    width, height = _size(pictures.render(builders.module_net_trace(), _options(format="png", engine=engine)))

    assert max(width, height) <= 500
    assert width * height <= 90_000 * 1.02


@pytest.mark.usefixtures("only_the_port")
def test_without_graphviz_its_port_draws() -> None:
    """SVG with the fonts of all our pictures, and PNG within the limits."""
    drawn = pictures.render(builders.product_trace(), _options(engine="dot"))
    assert isinstance(drawn, str)
    root = ET.fromstring(drawn)
    texts = {"".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"w", "mul", "y"} <= texts
    assert "graphviz-pure" in drawn
    assert 'font-family="Helvetica,Arial,' in drawn
    assert min(_size(pictures.render(builders.product_trace(), _options(format="png", engine="dot")))) > 400


@pytest.mark.usefixtures("only_the_port")
def test_the_port_draws_no_pdf() -> None:
    """So whoever asks for dot's is told."""
    with pytest.raises(RenderError, match="there is no `dot` on PATH"):
        pictures.render(builders.product_trace(), _options(format="pdf", engine="dot"))


@needs_dot
def test_dot_draws_svg_and_pdf() -> None:
    """With Graphviz, SVG is text and PDF is bytes."""
    drawn = pictures.render(builders.product_trace(), _options(engine="dot"))
    printed = pictures.render(builders.product_trace(), _options(format="pdf", engine="dot"))

    assert isinstance(drawn, str)
    assert "</svg>" in drawn
    assert isinstance(printed, bytes)
    assert printed.startswith(b"%PDF")
