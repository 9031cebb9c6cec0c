# Targets for users: run, test, bench. For developers: dev and the checks. README.rst has the table.
#
# Every target does its own set-up: Debian packages, a virtual environment, the build. Stamp files
# keep what is done from being done again.

VENV ?= .venv
JOBS ?= 2
BUILD_TYPE ?= Debug
TESTS ?=
PYTEST_ARGS ?=
LEAKS ?=
GRAPHS ?= 600
BENCH ?=
FUZZ ?=
FUZZ_SECONDS ?= 60

# An explicit PYTHON is used as it is by `make dev`, and makes the .venv for the other targets.
ifdef PYTHON
DEV_PYTHON := $(PYTHON)
else
PYTHON := python3
DEV_PYTHON := $(VENV)/bin/python
DEV_SETUP := $(VENV)/.base $(VENV)/.extra-test
endif

# Debian 12 has llhttp only as sources, in a package of Node's.
LLHTTP_PACKAGE := $(shell grep -qs '^VERSION_CODENAME=bookworm' /etc/os-release && \
                    echo node-llhttp || echo libllhttp-dev)
# For the tests: python3-lxml, whose libxml2 is ours, too; curl and openssl, a client and certificates.
BUILD_PACKAGES ?= build-essential cmake ninja-build pkg-config libuv1-dev libxml2-dev \
                  libxslt1-dev libssl-dev libcurl4-openssl-dev libzmq3-dev libcbor-dev \
                  $(LLHTTP_PACKAGE) python3 python3-dev python3-venv python3-lxml curl openssl graphviz
LINT_PACKAGES ?= clang-tidy
FUZZ_PACKAGES ?= clang libclang-rt-dev
# The load generator, and what HTTPServer is compared with; libev is for bjoern.
BENCH_PACKAGES ?= wrk nginx-light libev-dev util-linux

export CMAKE_BUILD_PARALLEL_LEVEL = $(JOBS)
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: all run test bench dev test-c test-graphs test-asan test-refleaks fuzz lint format clean FORCE
all: test

# ---- set-up ----

# Install the Debian packages that are missing, or say how; other systems get the messages of CMake.
define install_packages
@mkdir -p $(@D)
@set -e; command -v dpkg >/dev/null || exit 0; \
missing=$$(for name in $(1); do dpkg -s $$name >/dev/null 2>&1 || echo $$name; done | xargs); \
test -n "$$missing" || exit 0; \
if [ "$$(id -u)" = 0 ]; then as_root=; \
elif sudo -n true 2>/dev/null; then as_root=sudo; \
else echo "error: packages are missing; as root: apt-get install $$missing" >&2; exit 1; fi; \
$$as_root apt-get update -qq; \
$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing
@touch $@
endef

build/packages.stamp: Makefile
	$(call install_packages,$(BUILD_PACKAGES))

build/lint-packages.stamp: Makefile
	$(call install_packages,$(LINT_PACKAGES))

build/bench-packages.stamp: Makefile
	$(call install_packages,$(BENCH_PACKAGES))

build/fuzz-packages.stamp: Makefile
	$(call install_packages,$(FUZZ_PACKAGES))

# What the build itself needs stays in the virtual environment: build isolation would fetch it anew
# for every rebuild. The .pth file makes the folder `tests` importable, after the installed package.
$(VENV)/.base: pyproject.toml | build/packages.stamp
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -c 'import tomllib; \
	    print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' > $@.txt
	$(VENV)/bin/python -m pip install -q "scikit-build-core>=0.10" -r $@.txt
	echo "$(CURDIR)" > "$$($(VENV)/bin/python -c \
	    'import sysconfig; print(sysconfig.get_path("purelib"))')/compysition-tests.pth"
	touch $@

# The list of sources changes when one is added or removed, which no time stamp of a file tells.
$(VENV)/.sources: FORCE | $(VENV)/.base
	@new=$@.$$$$; \
	find csrc compysition -name '*.[ch]' -o -name '*.py' -o -name '*.pyi' -o -name py.typed | sort > $$new; \
	cmp -s $$new $@ && rm $$new || mv $$new $@

SOURCES = $(shell cat $(VENV)/.sources 2>/dev/null) CMakeLists.txt pyproject.toml README.rst LICENSE

# A build-dir setting keeps the objects, so that a rebuild compiles only what has changed.
PIP_BUILD = $(VENV)/bin/python -m pip install -q --no-build-isolation

.SECONDEXPANSION:
$(VENV)/.installed: $(VENV)/.base $(VENV)/.sources $$(SOURCES)
	$(PIP_BUILD) --force-reinstall --no-deps --config-settings=build-dir='build/{wheel_tag}' .
	touch $@

# What an extra names, without the package itself: pip would build that.
$(VENV)/.extra-%: pyproject.toml | $(VENV)/.base
	$(VENV)/bin/python -c 'import tomllib; \
	    extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]; \
	    print(*extras["$*"], sep="\n")' > $@.txt
	$(VENV)/bin/python -m pip install -q -r $@.txt
	@mv $@.txt $@

# ---- the main jobs ----

run: $(VENV)/.installed
	$(VENV)/bin/python examples/main_job.py

# PYTHONSAFEPATH keeps the source tree, which has no built module, out of the way of the installed
# package, also in the processes that tests start.
test: export PYTHONSAFEPATH = 1
test: test-c $(VENV)/.installed $(VENV)/.extra-test
	$(VENV)/bin/python -m pytest $(PYTEST_ARGS) $(TESTS)

test-graphs: export PYTHONSAFEPATH = 1
test-graphs: $(VENV)/.installed $(VENV)/.extra-test
	RANDOM_GRAPHS=$(GRAPHS) $(VENV)/bin/python -m pytest $(PYTEST_ARGS) tests/test_random_graphs.py

bench: export PYTHONSAFEPATH = 1
bench: $(VENV)/.installed $(VENV)/.extra-bench $(VENV)/.bench-peers
	$(VENV)/bin/python -m tests.benchmarks $(BENCH)

# Servers that do not build everywhere: those that are missing are left out of the table.
$(VENV)/.bench-peers: build/bench-packages.stamp | $(VENV)/.base
	-$(VENV)/bin/python -m pip install -q bjoern
	-$(VENV)/bin/python -m pip install -q fastwsgi
	touch $@

# FindPython's cache does not follow a change of interpreter, so it is dropped every time.
CMAKE = cmake -G Ninja --log-level=WARNING -U '*Python_*'

# ---- dev: an incremental build into the source tree, with asserts; PYTHONPATH=. uses it ----

# A build directory per Python: their modules lie side by side in compysition/.
DEV_DIR = build/dev-$(shell $(DEV_PYTHON) -c 'import sysconfig; print(sysconfig.get_config_var("SOABI"))')

dev: $(DEV_SETUP)
	@$(CMAKE) -S . -B $(DEV_DIR) -DCMAKE_BUILD_TYPE=$(BUILD_TYPE) -DCOMPYSITION_IN_PLACE=ON \
	    -DPython_EXECUTABLE="$$($(DEV_PYTHON) -c 'import sys; print(sys.executable)')"
	@cmake --build $(DEV_DIR) -j$(JOBS)

# ---- checks ----

CMAKE_VENV = $(CMAKE) -DPython_EXECUTABLE="$(abspath $(VENV)/bin/python)"

test-c: $(VENV)/.base
	@$(CMAKE_VENV) -S . -B build/c-tests -DCOMPYSITION_CTESTS=ON -DCOMPYSITION_SANITIZE=ON
	@cmake --build build/c-tests --target c_tests
	@ctest --test-dir build/c-tests --output-on-failure --no-tests=ignore -Q || \
	    ctest --test-dir build/c-tests --output-on-failure --rerun-failed

# The sanitizers see allocations only when Python passes them to malloc. Without libstdc++ in the
# preload an exception thrown inside greenlet aborts: ASan must find the real __cxa_throw at start.
SANITIZER_ENV = PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 \
    UBSAN_OPTIONS=print_stacktrace=1
ASAN_ENV = PYTHONPATH="$(CURDIR)/build/asan-site" $(SANITIZER_ENV) \
    LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libstdc++.so)"

test-asan: export PYTHONSAFEPATH = 1
test-asan: $(VENV)/.installed $(VENV)/.extra-test
	rm -rf build/asan-site
	$(PIP_BUILD) --no-deps --target build/asan-site \
	    --config-settings=build-dir='build/asan-{wheel_tag}' \
	    --config-settings=cmake.define.COMPYSITION_SANITIZE=ON .
	$(ASAN_ENV) $(VENV)/bin/python -m pytest -p no:cacheprovider $(PYTEST_ARGS) $(TESTS)

test-refleaks: export PYTHONSAFEPATH = 1
test-refleaks: $(VENV)/.installed $(VENV)/.extra-test
	$(VENV)/bin/python -m tests.isolated $(LEAKS)

fuzz: export PYTHONSAFEPATH = 1
fuzz: $(VENV)/.installed $(VENV)/.extra-test build/fuzz-packages.stamp
	@CC=clang $(CMAKE_VENV) -S . -B build/fuzz -DCOMPYSITION_FUZZ=ON -DCMAKE_BUILD_TYPE=Debug
	@cmake --build build/fuzz
	@rm -rf build/fuzz/site && mkdir build/fuzz/site
	@cp -r compysition build/fuzz/site && rm -f build/fuzz/site/compysition/*.so
	@cmake --install build/fuzz --prefix build/fuzz/site > build/fuzz/install.log
	$(SANITIZER_ENV) $(VENV)/bin/python -m tests.fuzz build/fuzz/fuzz_driver $(FUZZ_SECONDS) $(FUZZ)

C_FILES = $(shell find csrc tests -name '*.[ch]')

lint: $(VENV)/.installed $(VENV)/.extra-lint $(VENV)/.extra-test build/lint-packages.stamp
	$(VENV)/bin/clang-format --dry-run -Werror $(C_FILES)
	@$(CMAKE_VENV) -S . -B build/lint -DCOMPYSITION_WERROR=ON -DCOMPYSITION_LTO=OFF
	@cmake --build build/lint --target _core
	run-clang-tidy -quiet -j $(JOBS) -p build/lint '/csrc/' > build/lint/clang-tidy.log 2>&1 || \
	    { grep -E '(warning|error):' -A 4 build/lint/clang-tidy.log; exit 1; }
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy compysition
	PYTHONSAFEPATH=1 $(VENV)/bin/python -m mypy.stubtest compysition._core --allowlist tests/stubtest_allowlist.txt

format: $(VENV)/.extra-lint
	$(VENV)/bin/clang-format -i $(C_FILES)
	$(VENV)/bin/ruff check --fix-only -q
	$(VENV)/bin/ruff format

clean:
	rm -rf build dist $(VENV) compysition/*.so .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
