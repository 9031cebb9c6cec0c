"""The two builds of lxml: Debian's uses the system's libxml2, as we do; PyPI's wheels have one of their own."""

import os
import pathlib
import sysconfig

from lxml import etree

DEBIAN = pathlib.Path("/usr/lib/python3/dist-packages/lxml")


def other_lxml():
    """The folder of the lxml that is not in use here; None when there is only one for this Python."""
    name = "etree" + sysconfig.get_config_var("EXT_SUFFIX")
    here = pathlib.Path(etree.__file__).parent.resolve()
    for folder in (DEBIAN, pathlib.Path(sysconfig.get_path("platlib")) / "lxml"):
        if (folder / name).exists() and folder.resolve() != here:
            return folder
    return None


def environment_with(lxml, folder):
    """Environment variables for a process that is to import that lxml; a link to it is made in the folder."""
    (folder / "lxml").symlink_to(lxml)
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
