"""The build and the Makefile: what they install, and what they say when something is missing."""

import os
import platform
import re
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

from tests.scripts import environment_of_tools

ROOT = Path(__file__).parents[1]
LLHTTP_PACKAGE = (
    "node-llhttp"
    if platform.freedesktop_os_release().get("VERSION_CODENAME") == "bookworm"
    else "libllhttp-dev"
)


def run(command, **environment):
    env = environment_of_tools() | environment
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def configure(tmp_path, python, *options, **environment):
    command = [shutil.which("cmake"), "-S", ROOT, "-B", tmp_path / "build"]
    done = run([*command, f"-DPython_EXECUTABLE={python}", *options], **environment)
    assert done.returncode != 0
    return done.stderr


def make_with_fake_tools(tmp_path, user_id):
    """Make the stamp of a package that does not exist, with an `id`, `sudo` and `apt-get` of ours."""
    tools = tmp_path / "bin"
    tools.mkdir()
    fakes = {"id": f"echo {user_id}", "sudo": "exit 1", "apt-get": 'echo "apt-get $*"'}
    for name, body in fakes.items():
        (tools / name).write_text(f"#!/bin/sh\n{body}\n")
        (tools / name).chmod(0o755)
    command = ["make", "-C", tmp_path, "-f", ROOT / "Makefile", "build/packages.stamp"]
    (tmp_path / "Makefile").touch()
    return run(
        [*command, "BUILD_PACKAGES=no-such-package"],
        PATH=f"{tools}:{os.environ['PATH']}",
        MAKEFLAGS="",
    )


def test_a_missing_libuv_is_named_with_its_command(tmp_path):
    message = configure(tmp_path, sys.executable, PKG_CONFIG_LIBDIR="/nonexistent")
    assert "libuv 1.44 or newer not found" in message
    assert "    apt-get install libuv1-dev\n" in message


@pytest.mark.parametrize(
    ("present", "package"),
    [
        (["libuv"], "libxml2-dev"),
        (["libuv", "libxml-2.0"], "libxslt1-dev"),
        (["libuv", "libxml-2.0", "libxslt", "libexslt"], "libssl-dev"),
        (["libuv", "libxml-2.0", "libxslt", "libexslt", "openssl"], "libcurl4-openssl-dev"),
        (["libuv", "libxml-2.0", "libxslt", "libexslt", "openssl", "libcurl"], "libzmq3-dev"),
        (
            ["libuv", "libxml-2.0", "libxslt", "libexslt", "openssl", "libcurl", "libzmq"],
            "libcbor-dev",
        ),
        (
            [
                "libuv",
                "libxml-2.0",
                "libxslt",
                "libexslt",
                "openssl",
                "libcurl",
                "libzmq",
                "libcbor",
            ],
            LLHTTP_PACKAGE,
        ),
    ],
)
def test_a_missing_library_is_named_with_its_command(tmp_path, present, package):
    for name in present:
        description = f"Name: {name}\nDescription: {name}\nVersion: 99\nLibs:\n"
        (tmp_path / f"{name}.pc").write_text(description)
    no_sources = "-DLLHTTP_SOURCE_DIR="
    message = configure(tmp_path, sys.executable, no_sources, PKG_CONFIG_LIBDIR=str(tmp_path))
    assert f"    apt-get install {package}\n" in message


def test_a_missing_compiler_is_named_with_its_command(tmp_path):
    only_path = ["-DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF", "-DCMAKE_MAKE_PROGRAM=true"]
    message = configure(tmp_path, sys.executable, *only_path, PATH=str(tmp_path), CC="no-such")
    assert "A C compiler not found" in message
    assert "    apt-get install build-essential\n" in message


def test_a_missing_greenlet_is_named_with_its_command(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    message = configure(tmp_path, python, PYTHONPATH="")
    assert f"    {python} -m pip install 'greenlet>=3'\n" in message


def test_root_gets_missing_packages_installed(tmp_path):
    done = make_with_fake_tools(tmp_path, user_id=0)
    assert done.returncode == 0
    assert re.search("apt-get install .* no-such-package", done.stdout)
    assert (tmp_path / "build" / "packages.stamp").exists()


def test_a_user_without_sudo_is_told_the_command(tmp_path):
    done = make_with_fake_tools(tmp_path, user_id=1000)
    assert done.returncode != 0
    assert "apt-get install no-such-package" in done.stderr
    assert not (tmp_path / "build" / "packages.stamp").exists()


@pytest.mark.parametrize("name", ["py.typed", "_core.pyi"])
def test_the_package_carries_its_types(name):
    assert resources.files("compysition").joinpath(name).is_file()


def test_the_targets_that_the_readme_names_exist():
    named = set(
        re.findall(r"(?:``|^ +)make ([a-z-]+)", (ROOT / "README.rst").read_text(), re.MULTILINE)
    )
    rules = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"run", "test", "bench", "test-asan", "test-refleaks", "lint"} <= named <= rules
