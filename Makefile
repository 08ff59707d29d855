# The build, the tests and the tools of aws. `make help` lists the targets.
#
# make run     installs what is missing, builds, serves a sample site and says where to look
# make test    installs what the tests need, runs all of them, and sums up
#
# Every test target writes its whole output to build/test/NAME.log and prints what matters.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build
MAKEFLAGS   += --no-print-directory

GO ?= go

# Where Go is missing or too old, scripts/need puts the pinned one here. It then goes before any other, for scripts and tests, too.
export PATH := $(CURDIR)/.tools/go$(file <.go-version)/bin:$(PATH)

# The version that `aws --version` prints: the nearest tag, or the commit, with -dirty where the tree is changed.
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT  := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)

# -trimpath keeps the builder's directories out of the binary. Never -s or -w: the symbol table is part of the
# contract, `nm -u aws` has to show the real calls into libc and libaio.
BUILD_FLAGS = -trimpath -buildvcs=false -ldflags '-X aws/internal/command.Version=$(VERSION) -X aws/internal/command.Commit=$(COMMIT)'

export CGO_ENABLED := 1

STEP := build/step

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

# --- building ---------------------------------------------------------------------------------------------

.PHONY: all build aws aws-valgrind aws-asan aws-race aws-cgocheck
all: build ## the same as build

build: aws ## build ./aws and ./awsd; aws runs awsd for all commands but the drop-in

# Go's build cache knows what has changed; make asks it every time.
aws: preflight
	$(GO) build $(BUILD_FLAGS) -o ./ ./cmd/aws ./cmd/awsd

# both VARIANT,FLAGS: the two programs, called aws-VARIANT and awsd-VARIANT.
define both
$(GO) build $(BUILD_FLAGS) $(2) -o aws-$(1) ./cmd/aws
$(GO) build $(BUILD_FLAGS) $(2) -o awsd-$(1) ./cmd/awsd
endef

aws-valgrind: preflight ## ./aws-valgrind, ./awsd-valgrind: the Go runtime reports its memory and its stacks to valgrind
	$(call both,valgrind,-tags valgrind)

aws-asan: preflight ## ./aws-asan, ./awsd-asan: with the address sanitizer, in C and in Go
	$(call both,asan,-asan)

aws-race: preflight ## ./aws-race, ./awsd-race: with the race detector
	$(call both,race,-race)

aws-cgocheck: export GOEXPERIMENT := cgocheck2
aws-cgocheck: preflight ## ./aws-cgocheck, ./awsd-cgocheck: every pointer that is stored in C memory is checked
	$(call both,cgocheck,)

.PHONY: preflight
preflight:
	@scripts/need -n build

.PHONY: tools
tools: ## install everything that the tests and checks use, large packages included
	@scripts/need all

.PHONY: clean
clean: ## remove what was built; Go and the linters in .tools stay
	rm -rf aws awsd aws-valgrind awsd-valgrind aws-asan awsd-asan aws-race awsd-race aws-cgocheck awsd-cgocheck build dist

# --- running ----------------------------------------------------------------------------------------------

.PHONY: run
run: ## serve a sample site, or SITE=directory, on port 8888 or PORT=number
	@scripts/need run
	@$(MAKE) build
	@scripts/run

.PHONY: sample
sample: ## make a small sample site in SITE=directory
	@[[ -n "$(SITE)" ]] || { echo "make sample: SITE=directory says where" >&2; exit 2; }
	@$(GO) run -trimpath ./scripts/samplesite "$(SITE)"

# --- testing ----------------------------------------------------------------------------------------------

# The binaries under test.
export AWS_BIN          := $(CURDIR)/aws
export AWS_VALGRIND_BIN := $(CURDIR)/aws-valgrind

FUZZTIME ?= 1m

# Tests of the kernel are of no use from the cache: the kernel is not in its key.
TEST_FLAGS := -count=1 -timeout 8m

# Packages, by their path within the module.
SANITIZED := ^(cgo/.*|internal/kernel|goloop)$$

TEST_STEPS := build vet unit race cgocheck asan sim contract crosscheck acme h2spec hostile attack fuzz-smoke

.PHONY: test
test: ## everything that CI runs, with a closing summary
	@scripts/need test
	@rm -rf build/test
	@for step in $(TEST_STEPS); do $(MAKE) step-$$step || true; done; \
	$(STEP) summary $(TEST_STEPS)

.PHONY: unit vet race sanitize sim contract crosscheck acme h2spec fleet hostile attack fuzz-smoke fuzz
vet: step-vet ## go vet
unit: step-unit ## the tests of every package that need no binary
race: step-race ## the tests of cgo, goloop and internal under the race detector, shortened
sanitize: step-cgocheck step-race step-asan ## the packages that touch C under cgocheck2, the race detector and the address sanitizer
sim: step-sim ## the loop on the simulated kernel, at length
contract: step-contract ## the requirements of the classic server's own tests, one by one
crosscheck: step-crosscheck ## ./aws beside the reference server in C, and the tests of the test tools
h2spec: step-h2spec ## HTTP/2 with h2spec, the conformance suite, which is in a module of its own
acme: step-acme ## internal/acme with Pebble, the ACME server for tests, which is in a module of its own
fleet: step-fleet ## contrib/fleet with HAProxy, Varnish and three replicas in network namespaces; needs root
hostile: step-hostile step-attack ## ./aws under faults of the kernel and attackers, confined, replaced under load, and for a while
attack: step-attack ## those of them that compare times: attackers, and a while under load
fuzz-smoke: step-fuzz-smoke ## every fuzz target for 2 s
fuzz: step-fuzz ## every fuzz target for FUZZTIME=1m

$(STEP): $(wildcard scripts/step/*.go)
	@scripts/need -n
	@$(GO) build -o $@ ./scripts/step

.PHONY: step-%
step-build: $(STEP)
	@$(STEP) run build $(MAKE) aws aws-valgrind

step-vet: $(STEP)
	@$(STEP) run vet $(GO) vet ./...

step-unit: $(STEP)
	@$(STEP) test unit '!^tests/' $(TEST_FLAGS)

step-race: $(STEP)
	@$(STEP) test race '^(cgo/.*|goloop|internal/.*)$$' -race -short $(TEST_FLAGS)

step-cgocheck: $(STEP)
	@GOEXPERIMENT=cgocheck2 $(STEP) test cgocheck '$(SANITIZED)' -short $(TEST_FLAGS)

step-asan: $(STEP)
	@$(STEP) test asan '$(SANITIZED)' -asan -short $(TEST_FLAGS)

# One package at a time from here on: the contract knows one port, and timings know two cores.
step-sim: $(STEP)
	@$(STEP) test sim '^tests/sim(/|$$)' -p 1 $(TEST_FLAGS)

step-contract: $(STEP)
	@$(MAKE) -s aws aws-valgrind
	@$(STEP) test contract '^tests/contract(/|$$)' -p 1 $(TEST_FLAGS)

step-crosscheck: $(STEP)
	@$(MAKE) -s aws aws-valgrind
	@$(STEP) test crosscheck '^tests/ !^tests/(sim|contract|bench|faults|attack|confine|fleet|reload|soak)(/|$$)' -p 2 $(TEST_FLAGS)

# A module of its own, which `./...` does not reach. Orders wait most of the time, so more run at once than there are processors.
step-acme: $(STEP)
	@$(MAKE) -s aws
	@$(STEP) run acme bash -c 'cd tests/acme && $(GO) vet . && $(GO) test $(TEST_FLAGS) -parallel 8 .'

# The same.
step-h2spec: $(STEP)
	@$(MAKE) -s aws
	@$(STEP) run h2spec bash -c 'cd tests/h2spec && $(GO) vet . && AWS_BIN=$(CURDIR)/aws $(GO) test $(TEST_FLAGS) .'

# Not part of `make test`: it needs root, and takes 40 s.
step-fleet: $(STEP)
	@scripts/need fleet
	@$(MAKE) -s aws
	@$(STEP) test fleet '^tests/fleet(/|$$)' -p 1 $(TEST_FLAGS)

step-hostile: $(STEP)
	@$(MAKE) -s aws
	@$(STEP) test hostile '^tests/(faults|confine|reload)(/|$$)' -p 2 $(TEST_FLAGS)

step-attack: $(STEP)
	@$(MAKE) -s aws
	@$(STEP) test attack '^tests/(attack|soak)(/|$$)' -p 1 $(TEST_FLAGS)

step-fuzz-smoke: $(STEP)
	@$(STEP) fuzz fuzz-smoke 2s

step-fuzz: $(STEP)
	@$(STEP) fuzz fuzz $(FUZZTIME)

# --- linting ----------------------------------------------------------------------------------------------

GOLANGCI_VERSION := v2.15.0
GOLANGCI         := .tools/bin/golangci-lint-$(GOLANGCI_VERSION)

C_FILES     = $(shell git ls-files -co --exclude-standard '*.c' '*.h')
SHELL_FILES = $(shell git grep --untracked -lE '^\#!/(usr/)?bin/(env )?(ba|da)?sh')

LINT_STEPS := golangci house c-format shell lint-selftest

.PHONY: lint check fmt
lint: $(STEP) ## every linter, with a closing summary
	@scripts/need lint
	@for step in $(LINT_STEPS); do $(MAKE) lint-$$step || true; done; \
	$(STEP) summary $(LINT_STEPS)

check: ## lint and test
	@$(MAKE) lint
	@$(MAKE) test

fmt: $(GOLANGCI) ## format the Go and the C sources
	$(GOLANGCI) fmt
	clang-format -i $(C_FILES)

# Built from source, once; the first time it takes a minute or two.
$(GOLANGCI):
	@echo "building golangci-lint $(GOLANGCI_VERSION)"
	@mkdir -p $(@D)
	@GOFLAGS= GOBIN=$(CURDIR)/.tools/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@mv .tools/bin/golangci-lint $@

build/housecheck: $(wildcard scripts/housecheck/*.go)
	@$(GO) build -o $@ ./scripts/housecheck

.PHONY: lint-%
lint-golangci: $(STEP) $(GOLANGCI)
	@$(STEP) run golangci bash -c '$(GOLANGCI) config verify && $(GOLANGCI) run ./...'

lint-house: $(STEP) build/housecheck
	@$(STEP) run house build/housecheck

lint-c-format: $(STEP)
	@if command -v clang-format >/dev/null; \
	then $(STEP) run c-format clang-format --dry-run -Werror $(C_FILES); \
	else $(STEP) skip c-format 'clang-format is not installed (apt-get install clang-format)'; fi

lint-shell: $(STEP)
	@if command -v shellcheck >/dev/null; \
	then $(STEP) run shell shellcheck $(SHELL_FILES); \
	else $(STEP) skip shell 'shellcheck is not installed (apt-get install shellcheck)'; fi

lint-lint-selftest: $(STEP) $(GOLANGCI) build/housecheck
	@$(STEP) run lint-selftest $(GO) run ./scripts/lintselftest $(GOLANGCI) build/housecheck

# --- the build image --------------------------------------------------------------------------------------

.PHONY: bare-check
bare-check: ## make run and make test in a Debian that has git and make alone, as root
	@scripts/need image || true
	scripts/barecheck

# --- measuring --------------------------------------------------------------------------------------------

.PHONY: bench bench-https bench-quick bench-compare microbench
bench: build ## ./aws beside its peers, every scenario and network, into docs/benchmarks.md; some two hours, as root
	$(GO) run ./tests/bench -aws ./aws -docs docs

bench-https: build ## those of make bench over TLS and HTTP/2, on one network, into docs/https; twenty minutes, as root
	$(GO) run ./tests/bench -aws ./aws -only '^(tls|h2|h2c|idle-|page)' -networks 'veth, bbr' -docs docs/https

bench-quick: build ## some scenarios of make bench with short runs, in a few minutes; writes no document
	$(GO) run ./tests/bench -aws ./aws -quick

# Beside each of the two, called aws or aws-VARIANT, there has to be its awsd or awsd-VARIANT.
bench-compare: ## two binaries of aws, OLD=path and NEW=path, side by side on every network; five minutes, as root
	@[[ -n "$(OLD)" && -n "$(NEW)" ]] || { echo "make bench-compare: OLD=path and NEW=path say what to compare" >&2; exit 2; }
	$(GO) run ./tests/bench $(BENCH_FLAGS) -compare "$(OLD)" "$(NEW)"

microbench: ## the Go benchmarks, each COUNT=1 times; benchstat compares two of their outputs
	$(GO) test -run '^$$' -bench . -benchmem -count $(or $(COUNT),1) ./...

.PHONY: packages deb rpm deb-check deb-live rpm-check dist
packages: ## the packages awsd for Debian and for Fedora, into dist/
	$(GO) run ./packaging/packages

deb: ## the Debian package alone
	$(GO) run ./packaging/packages -formats deb

rpm: ## the package for Fedora and related distributions alone
	$(GO) run ./packaging/packages -formats rpm

deb-check: ## install, upgrade and remove the Debian package in a chroot, as root
	@scripts/need package || true
	packaging/deb/check

deb-live: ## the service under a systemd that is booted for it: reload, upgrade, watchdog, socket; as root
	@scripts/need package || true
	packaging/deb/live

rpm-check: ## install, upgrade and remove the Fedora package in a chroot, as root
	@scripts/need package || true
	packaging/rpm/check

dist: ## reproducible archives with checksums and a list of what is in them, into dist/
	$(GO) run ./packaging/dist

# KERNELS, SUITES and FILESYSTEMS select; scripts/vm/suites lists what there is.
.PHONY: vm
vm: $(STEP) ## the suites that depend on the kernel or the filesystem, in virtual machines with kernels of Debian; needs root
	@scripts/need vm
	@$(MAKE) -s aws aws-valgrind
	@$(GO) build -o build/slowfs ./tests/slowfs
	@scripts/vm/suites

.PHONY: sim-long mutations soak
sim-long: ## SEEDS=1000000 seeds of the simulation, from FIRST=100000 on
	$(GO) test ./tests/sim -count=1 -timeout 0 -seeds $(or $(SEEDS),1000000) -first $(or $(FIRST),100000)

mutations: ## the deliberate bugs that the simulation has to find, and how many seeds each took
	$(GO) run ./scripts/mutate

soak: build ## mixed load with faults for DURATION=10m, then a check for leaks
	DURATION=$(or $(DURATION),10m) $(GO) test ./tests/soak -count=1 -timeout 0 -v
