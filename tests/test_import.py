import pickle
import subprocess
import sys

import pytest

import compysition
from compysition import _core, actors

STAR = {
    "Actor",
    "Director",
    "Event",
    "Logger",
    "QLogger",
    "Queue",
    "QueuePool",
    "actor",
    "actors",
    "director",
    "errors",
    "event",
    "logger",
    "queue",
    "version",
}


def run(script):
    """What a script prints that a fresh interpreter runs."""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_package_and_its_core_say_what_they_are():
    assert compysition.__doc__
    assert _core.__doc__
    assert compysition.version == compysition.__version__ == "1.2.54"


def test_the_star_import_of_the_package():
    names = {}
    exec("from compysition import *", names)
    assert set(names) - {"__builtins__"} == STAR


def test_the_package_binds_its_submodules():
    script = "import compysition as c; print(c.actors.STDOUT.__name__, c.event.Event is c.Event)"
    assert run(script) == ["STDOUT", "True"]


def test_an_actor_module_of_a_script_may_import_first():
    """`from compysition import Actor` works while compysition.actors is being imported."""
    script = """
import sys, types
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec

class Script(MetaPathFinder, Loader):
    def find_spec(self, name, path, target=None):
        if name == "compysition.actors.null":
            return ModuleSpec(name, self)
    def create_module(self, spec):
        return types.ModuleType(spec.name)
    def exec_module(self, module):
        from compysition import Actor
        class Null(Actor):
            pass
        module.Null = Null

sys.meta_path.insert(0, Script())
import compysition
print(compysition.actors.Null.__mro__[1] is compysition.Actor)
"""
    assert run(script) == ["True"]


def test_PKG_1_other_libraries_are_left_alone():
    """Importing does not even import the libraries that the original changed, or patch what blocks."""
    script = """
import sys, time, socket, threading
before = time.sleep, socket.socket, threading.Thread
import compysition, compysition.event, compysition.actors
print(before == (time.sleep, socket.socket, threading.Thread))
print(*sorted({"xmltodict", "gevent", "bottle", "apscheduler", "zmq", "logging"} & set(sys.modules)))
"""
    assert run(script) == ["True"]


@pytest.mark.parametrize(
    "cls",
    [
        compysition.Actor,
        compysition.Director,
        compysition.Event,
        compysition.Logger,
        compysition.QLogger,
        compysition.Queue,
        compysition.QueuePool,
        *(getattr(actors, name) for name in actors.__all__),
    ],
)
def test_classes_are_found_where_they_say(cls):
    assert pickle.loads(pickle.dumps(cls)) is cls
    assert not cls.__module__.startswith("compysition._")


def test_star_import_of_actor_has_the_errors():
    names = {}
    exec("from compysition.actor import *", names)
    assert {"Actor", "Event", "QueuePool", "Logger", "RestartPool", "QueueFull"} <= set(names)
    assert set(compysition.errors.__all__) <= set(names)


def test_everything_public_in_c_is_described():
    for cls in (value for name, value in vars(_core).items() if isinstance(value, type)):
        assert cls.__doc__, cls
        methods = [] if issubclass(cls, Exception) else vars(cls).items()
        for name, value in methods:
            if not name.startswith("_") and type(value).__name__.endswith("descriptor"):
                assert value.__doc__, (cls, name)
