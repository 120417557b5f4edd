# make demo    the whole street in motion: a home, its hub, the screen and every provider
# make test    all tests
# make check   all tests and the linters
# make deb     Debian packages in dist/: the hub with its screen, and the demo's peers
# make test-deb  build them and prove them in a bare Debian 12 (as root)
# make pins    resolve requirements/*.txt anew (needs uv)

export UV_LINK_MODE = copy
PYTHON = .venv/bin/python

.PHONY: demo test check lint deb test-deb pins clean

demo: .venv/.ready
	.venv/bin/homeapp demo

test: .venv/.ready
	$(PYTHON) -m pytest --numprocesses auto --dist loadfile

lint: .venv/.ready
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

check: lint test

deb: .venv/.ready
	packaging/deb/build.sh

test-deb: .venv/.ready
	packaging/test-deb.sh

NPM_LOCK = tests/conformance/ocpp/peer/package-lock.json
.venv/.ready: requirements/dev.txt packaging/apt-packages.txt packaging/prepare-machine.sh pyproject.toml $(NPM_LOCK)
	packaging/prepare-machine.sh

COMPILE = uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --no-header --quiet
pins:
	$(COMPILE) --extra screen --extra demo --extra dev -o requirements/dev.txt
	$(COMPILE) -c requirements/dev.txt -o requirements/hub.txt
	$(COMPILE) -c requirements/dev.txt --extra screen -o requirements/screen.txt
	$(COMPILE) -c requirements/dev.txt --extra screen --extra demo -o requirements/demo.txt

clean:
	rm -rf .venv build dist
