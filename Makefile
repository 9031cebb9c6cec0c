# Targets for users: run, test, bench. For developers: dev and the checks. README.rst has the table.
PYTHON ?= $(if $(wildcard .venv/bin/python),.venv/bin/python,python3)
BUILD_TYPE ?= Debug
JOBS ?= 2

# ---- dev: an incremental build into the source tree, with asserts; PYTHONPATH=. uses it ----

# A build directory per Python: their modules lie side by side in compysition/.
DEV_DIR = build/dev-$(shell $(PYTHON) -c 'import sysconfig; print(sysconfig.get_config_var("SOABI"))')

.PHONY: dev
dev:
	@cmake -S . -B $(DEV_DIR) -G Ninja -DCMAKE_BUILD_TYPE=$(BUILD_TYPE) -DCOMPYSITION_IN_PLACE=ON \
	    -DPython_EXECUTABLE="$(shell command -v $(PYTHON))" --log-level=WARNING
	@cmake --build $(DEV_DIR) -j$(JOBS)
