import compysition
from compysition import _core


def test_the_package_and_its_core_say_what_they_are():
    assert compysition.__doc__
    assert _core.__doc__
