import importlib
import sys


def forget_the_package():
    for name in [name for name in sys.modules if name.partition(".")[0] == "compysition"]:
        del sys.modules[name]


def leak_import_of_the_package():
    forget_the_package()
    importlib.import_module("compysition._core")


def leak_import_start_stop():
    forget_the_package()
    compysition = importlib.import_module("compysition")
    actors = importlib.import_module("compysition.actors")
    director = compysition.Director(generate_blockdiag=False, log_level=100)
    source = director.register_actor(actors.FlowController, "source")
    director.connect_queue(source, director.register_actor(actors.Null, "end"))
    director.start(block=False)
    source.send_event(compysition.Event(data="hello"))
    director.stop()
