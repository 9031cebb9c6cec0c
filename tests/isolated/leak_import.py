import importlib
import sys


def leak_import_of_the_package():
    for name in [name for name in sys.modules if name.partition(".")[0] == "compysition"]:
        del sys.modules[name]
    importlib.import_module("compysition._core")
