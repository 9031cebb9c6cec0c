"""The diagram: blockdiag's text, and the picture that Graphviz draws."""

import re
import shutil
import subprocess
import time
import xml.etree.ElementTree as ElementTree

import pytest

from compysition import Director, picture
from compysition._core import FlowController, Null
from tests.flows import Collect, Forward, Source, quiet_director

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


@pytest.fixture
def director(tmp_path):
    return Director(name="flow", blockdiag_dir=str(tmp_path / "out"), log_level=100)


def run(director):
    director.start(block=False)
    director.stop()


def drawn(tmp_path):
    """(texts, colours of dashed lines) of the picture."""
    tree = ElementTree.parse(tmp_path / "out/img/flow.svg")
    svg = "{http://www.w3.org/2000/svg}"
    texts = {"".join(t.itertext()).strip() for t in tree.iter(f"{svg}text")}
    dashed = {
        e.get("stroke") for e in tree.iter(f"{svg}path") if e.get("stroke-dasharray") == "5,2"
    }
    return texts, dashed


# ---- the text ----


def test_text(director, tmp_path):
    a, b = director.register_actor(FlowController, "a"), director.register_actor(Null, "b")
    assert director.blockdiag_out == 'diagram admin {\na [shape = "box"]\nb [shape = "box"]\n'
    director.connect_queue(a, b)
    director.connect_error_queue(a, b)
    director.connect_log_queue(a, b)
    run(director)
    expected = (
        'diagram admin {\na [shape = "box"]\nb [shape = "box"]\n'
        "a -> b;\na -> b;\na -> b;\nb -> default_error_logger;\n\n}"
    )
    assert director.blockdiag_out == expected
    assert (tmp_path / "out/flow.diag").read_text() == expected


def test_a_second_start_does_not_close_it_twice(director):
    director.register_actor(Null, "a")
    run(director)
    text = director.blockdiag_out
    run(director)
    assert director.blockdiag_out == text
    director.register_actor(Null, "b")
    assert director.blockdiag_out.endswith('default_error_logger;\nb [shape = "box"]\n')


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("plain_1", "plain_1"),
        ("two words", '"two words"'),
        ("1st", '"1st"'),
        ("a-b", '"a-b"'),
        ("group", '"group"'),
        ('say "hi"', '"say \\"hi\\""'),
        ("back\\slash", '"back\\\\slash"'),
        ("größe", '"größe"'),
        ("", '""'),
    ],
)
def test_DIR_8_names_that_are_no_identifiers_are_quoted(director, name, written):
    a = director.register_actor(FlowController, name)
    b = director.register_actor(Null, "b")
    director.connect_queue(a, b)
    lines = director.blockdiag_out.splitlines()
    assert lines[1] == f'{written} [shape = "box"]'
    assert lines[3] == f"{written} -> b;"


def test_DIR_8_items_are_separated(director):
    actor = Null("a")
    actor.blockdiag_config["color"] = "#ff0000"
    director.register_actor(actor)
    assert 'a [shape = "box", color = "#ff0000"]\n' in director.blockdiag_out


def test_DIR_8_without_a_drawing_program_the_text_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    director = Director(name="flow", blockdiag_dir=str(tmp_path / "out"), log_level=20)
    director.register_actor(Null, "a")
    run(director)
    assert (tmp_path / "out/flow.diag").exists()
    assert not (tmp_path / "out/img/flow.svg").exists()
    out = capsys.readouterr().out
    assert out.count("Graphviz") == 1
    assert "Traceback" not in out


def test_a_failure_is_printed_and_ignored(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    director = Director(blockdiag_dir=str(tmp_path / "file"), log_level=100)
    run(director)
    assert capsys.readouterr().out.startswith("Unable to write blockdiag: Traceback")


def test_switched_off(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(quiet_director())
    assert list(tmp_path.iterdir()) == []


# ---- the picture ----


@needs_dot
def test_the_picture_shows_actors_and_queues(director, tmp_path):
    a, b, c = (director.register_actor(FlowController, name) for name in ("a", "b & <c>", "c"))
    director.connect_queue((a, "orders"), [b, (c, "in")])
    director.connect_error_queue((b, "broken"), c)
    run(director)
    texts, dashed = drawn(tmp_path)
    assert {"a", "b & <c>", "c", "orders", "orders → in", "broken"} <= texts
    assert dashed == {"#c0392b"}
    assert not any("default" in text or "logs" in text for text in texts)


@needs_dot
def test_an_actor_without_connections_is_shown(director, tmp_path):
    director.register_actor(Null, "alone")
    run(director)
    texts, _ = drawn(tmp_path)
    assert "alone" in texts


@needs_dot
@pytest.mark.parametrize("shape", [*picture.SHAPES, "unheard-of"])
def test_every_shape_can_be_drawn(director, tmp_path, shape):
    actor = Null("a")
    actor.blockdiag_config["shape"] = shape
    director.register_actor(actor)
    run(director)
    texts, _ = drawn(tmp_path)
    assert "a" in texts


@needs_dot
def test_it_is_drawn_again_only_after_a_change(director, tmp_path, monkeypatch):
    calls = []
    original = subprocess.run

    def count(*args, **kwargs):
        calls.append(args)
        return original(*args, **kwargs)

    monkeypatch.setattr(subprocess, "run", count)
    director.register_actor(Null, "a")
    run(director)
    run(director)
    assert len(calls) == 1
    director.register_actor(Null, "b")
    run(director)
    assert len(calls) == 2
    texts, _ = drawn(tmp_path)
    assert {"a", "b"} <= texts


def pretend_dot(tmp_path, monkeypatch, script):
    """Put a program called dot in the place of Graphviz."""
    program = tmp_path / "dot"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(program))


@pytest.mark.parametrize(
    ("script", "message"), [("exec sleep 30", "took more than"), ("echo oops >&2; exit 1", "oops")]
)
def test_graphviz_that_fails_or_hangs(tmp_path, monkeypatch, capsys, script, message):
    pretend_dot(tmp_path, monkeypatch, script)
    monkeypatch.setattr(picture, "SECONDS", 0.2)
    director = Director(name="flow", blockdiag_dir=str(tmp_path / "out"), log_level=20)
    began = time.monotonic()
    run(director)
    assert time.monotonic() - began < 5
    assert len(re.findall(message, capsys.readouterr().out)) == 1
    assert not (tmp_path / "out/img/flow.svg").exists()


def test_too_many_actors_to_see(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(picture, "MAX_ACTORS", 3)
    director = Director(name="flow", blockdiag_dir=str(tmp_path / "out"), log_level=20)
    for name in "abcd":
        director.register_actor(Null, name)
    pretend_dot(tmp_path, monkeypatch, "exit 1")
    run(director)
    assert "too many to see" in capsys.readouterr().out


def test_a_pipeline_runs_with_its_diagram(director):
    source = director.register_actor(Source, "source", 3)
    forward = director.register_actor(Forward, "forward")
    collect = director.register_actor(Collect, "collect", director, 3)
    director.connect_queue(source, forward)
    director.connect_queue(forward, collect)
    director.start()
    assert collect.data == [0, 1, 2]
