# The build, the tests and the tools of aws. `make help` lists the targets.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build

GO ?= go

# The version that `aws --version` prints: the nearest tag, or the commit, with -dirty where the tree is changed.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)

# -trimpath keeps the builder's folders out of the binary. Never -s or -w: the symbol table is part of the
# contract, `nm -u aws` has to show the real calls into libc and libaio.
BUILD_FLAGS = -trimpath -buildvcs=false -ldflags '-X main.version=$(VERSION) -X main.commit=$(COMMIT)'

export CGO_ENABLED = 1

.PHONY: build
build: ## build ./aws
	$(GO) build $(BUILD_FLAGS) -o aws ./cmd/aws

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20
