"""The files of a director's diagram: blockdiag's text, and a picture that Graphviz draws."""

import hashlib
import os
import shutil
import subprocess
import traceback
from collections.abc import Iterable, Mapping
from typing import Any

MAX_ACTORS = 200
"""Above that nobody can read a picture, and Graphviz may take minutes."""

SECONDS = 2.0
"""How long Graphviz may take: the director waits for it."""

STYLE = """\
digraph "{name}" {{
  graph [rankdir=LR, bgcolor=white, pad=0.3, nodesep=0.4, ranksep=0.9, fontname="Helvetica"]
  node [shape=box, style="filled,rounded", fillcolor="#eef4fb", color="#4a7ab5", penwidth=1.2,
        fontname="Helvetica", fontsize=12, fontcolor="#1c2b3a", margin="0.18,0.09"]
  edge [color="#5b6b7b", fontname="Helvetica", fontsize=9.5, fontcolor="#5b6b7b", arrowsize=0.7]
"""

# What blockdiag calls a shape, and how Graphviz draws something like it.
SHAPES: dict[Any, dict[str, str]] = {
    "box": {},
    "roundedbox": {},
    "square": {"shape": "square"},
    "circle": {"shape": "circle"},
    "ellipse": {"shape": "ellipse"},
    "diamond": {"shape": "diamond"},
    "dots": {"shape": "plaintext"},
    "cloud": {
        "shape": "egg",
        "style": "filled",
        "orientation": "90",
        "fillcolor": "#e6f5f2",
        "color": "#3a8f80",
    },
    "note": {"shape": "note", "style": "filled", "fillcolor": "#fdf8e3", "color": "#b39b3d"},
    "mail": {"shape": "tab", "style": "filled", "fillcolor": "#f6eefa", "color": "#8a5aa8"},
    "flowchart.input": {
        "shape": "parallelogram",
        "style": "filled",
        "fillcolor": "#e9f7e6",
        "color": "#4f9a43",
    },
    "flowchart.condition": {
        "shape": "diamond",
        "style": "filled",
        "fillcolor": "#fdf0e2",
        "color": "#c98a35",
        "margin": "0.02,0.02",
    },
    "flowchart.database": {"shape": "cylinder", "style": "filled"},
    "flowchart.terminator": {"shape": "oval", "style": "filled"},
}

# Without weight an edge does not bend the way that the events take.
KINDS: dict[str, dict[str, str]] = {
    "outbound": {},
    "error": {"style": "dashed", "color": "#c0392b", "fontcolor": "#c0392b", "weight": "0"},
    "log": {"style": "dotted", "color": "#a9b4bf", "fontcolor": "#a9b4bf", "weight": "0"},
}


def write(directory: str, name: str, diagram: str, graph: tuple[Any, ...]) -> str | None:
    """Write the files of a director's diagram; print what goes wrong and otherwise ignore it.

    :param directory: folder (str); made when it is missing.
    :param name: name (str) of the files, without an ending.
    :param diagram: the text (str) for ``<name>.diag``.
    :param graph: the arguments (tuple) of :func:`describe`, for ``img/<name>.svg``.
    :return: why there is no picture (str), or None.
    """
    try:
        images = os.path.join(directory, "img")
        os.makedirs(images, exist_ok=True)
        with open(os.path.join(directory, f"{name}.diag"), "w", encoding="utf-8") as file:
            file.write(diagram)
        return draw(os.path.join(images, f"{name}.svg"), str(name), graph)
    except Exception:
        print(f"Unable to write blockdiag: {traceback.format_exc()}", flush=True)
        return None


def draw(path: str, name: str, graph: tuple[Any, ...]) -> str | None:
    """Let Graphviz draw the picture, unless the file shows this graph already.

    :return: why there is no picture (str), or None.
    """
    actors = len(graph[0])
    dot = shutil.which("dot")
    if dot is None:
        return "No picture of the pipeline was drawn: Graphviz (dot) is not installed"
    if actors > MAX_ACTORS:
        return f"No picture of the pipeline was drawn: {actors} actors are too many to see"
    text = describe(name, *graph)
    mark = f"<!-- {hashlib.sha256(text.encode()).hexdigest()} -->\n"
    if is_drawn(path, mark):
        return None
    try:
        done = subprocess.run(
            [dot, "-Tsvg"],
            input=text.encode(),
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"No picture of the pipeline was drawn: Graphviz took more than {SECONDS:g} s"
    if done.returncode != 0:
        return f"No picture of the pipeline was drawn: {done.stderr.decode(errors='replace')}"
    with open(path, "wb") as file:
        file.write(done.stdout + mark.encode())
    return None


def is_drawn(path: str, mark: str) -> bool:
    """Whether the file ends with the mark that stands for the graph."""
    try:
        with open(path, "rb") as file:
            file.seek(-len(mark), os.SEEK_END)
            return file.read() == mark.encode()
    except OSError:
        return False


def describe(
    name: str,
    actors: Iterable[tuple[Any, Mapping[str, Any]]],
    arrows: Iterable[tuple[Any, Any, Any, Any, str]],
    log_actor: Any,
    error_actor: Any,
) -> str:
    """The graph in Graphviz's language.

    :param actors: list of (name, blockdiag_config).
    :param arrows: list of (source, outbox, destination, inbox, kind); kind is "outbound", "error" or
        "log".
    :param log_actor: name of the actor that gets all records; that is not drawn.
    :param error_actor: name of the actor that gets errors with no other way; that is not drawn.
    """
    defaults = {(log_actor, "log"), (error_actor, "error")}
    arrows = [arrow for arrow in arrows if (arrow[2], arrow[4]) not in defaults]
    connected = {end for arrow in arrows for end in (arrow[0], arrow[2])}
    hidden = {log_actor, error_actor} - connected
    lines = [STYLE.format(name=escape(name))]
    lines += [node(*actor) for actor in actors if actor[0] not in hidden]
    lines += [edge(*arrow) for arrow in arrows]
    lines.append("}\n")
    return "".join(lines)


def node(name: Any, config: Mapping[str, Any]) -> str:
    """The line of one actor."""
    look = {"label": name, **SHAPES.get(config.get("shape"), {})}
    if "color" in config:
        look["fillcolor"] = config["color"]
    return f"  {quote(name)} [{attributes(look)}]\n"


def edge(source: Any, outbox: Any, destination: Any, inbox: Any, kind: str) -> str:
    """The line of one connection, labelled with its queue."""
    prefix = {"error": "error_", "log": "log_"}.get(kind, "")
    usual = {f"{prefix}{outbox}", f"{prefix}{source}"}
    label = f"{outbox}" if inbox in usual else f"{outbox} → {inbox}"
    look = {"label": f" {label} ", **KINDS[kind]}
    return f"  {quote(source)} -> {quote(destination)} [{attributes(look)}]\n"


def attributes(look: Mapping[str, Any]) -> str:
    """Attributes of a node or an edge, from a dict."""
    return ", ".join(f"{key}={quote(value)}" for key, value in look.items())


def quote(text: object) -> str:
    """A string of Graphviz's language."""
    return f'"{escape(text)}"'


def escape(text: object) -> str:
    """The inside of a string: Graphviz takes backslashes in labels for escapes."""
    return str(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
