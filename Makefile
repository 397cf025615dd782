# The commands of this project. Each installs what it needs first; `make` alone lists them.
# npm and Node 18 or newer start the installation; all else runs with the Node pinned in package.json.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
STAMP := node_modules/.installed

.PHONY: help demo test test-all e2e e2e-up e2e-down check static generate clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(STAMP) ## play one drift alert through, from alert to clean pod, without a cluster
	@node bin/die-operator.js demo

test: static ## run all checks and all test suites but those on a real node
	@node scripts/run-tests.ts

e2e: static ## run the test suites on a real node (Linux, root; the first time builds it, up to half an hour)
	@node scripts/run-tests.ts e2e e2e-lifecycle

test-all: static ## run both of these, with one closing line
	@node scripts/run-tests.ts all

e2e-up: $(STAMP) ## bring up a cluster with a real node, which stays
	@node scripts/e2e-up.ts

e2e-down: $(STAMP) ## take that cluster down, and what a killed run left of one
	@node scripts/e2e-down.ts

check: static ## run the checks of types, lint, format and generated files, and the unit tests
	@node scripts/run-tests.ts unit

static: $(STAMP)
	@node scripts/check.ts

generate: $(STAMP) ## write the files that are made from src/api
	@node scripts/generate.ts

clean: ## remove everything that was built or installed
	@rm -rf dist coverage node_modules *.tgz

# npm ci removes node_modules, and with it the stamp. What npm says matters only when it fails.
$(STAMP): package.json package-lock.json
	@echo 'Installing dependencies ...'
	@log=$$(mktemp) && if npm ci --no-audit --no-fund --loglevel=error >"$$log" 2>&1; then rm -f "$$log"; \
	  else cat "$$log" >&2; rm -f "$$log"; exit 1; fi
	@node --input-type=module -e "$$NODE_CHECK"
	@touch $@

# The pinned Node is an optional dependency: a platform without one is no error for npm.
define NODE_CHECK
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(`There is no pinned Node for $${process.platform}-$${process.arch}, and this one is $${process.version}. \
Install Node.js 24 or newer, put it first in PATH, and run make again.`);
  process.exit(1);
}
endef
export NODE_CHECK
