# What one types while working on sso-exec; `make help` lists it. CI runs the
# same targets (.ci/run), so that what passes here passes there.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
# Of the commit, not of this machine: whoever builds it gets the same bytes.
COMMIT ?= $(shell git describe --always --abbrev=40 --exclude='*' --dirty 2>/dev/null)
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null)
X = -X github.com/sso-exec/sso-exec/internal/cli
# Without Go's HTTP/2, which no part of sso-exec uses (flows.NewHTTPClient): half a
# megabyte. Nothing but Go's own library is inlined, which is slower nowhere that counts, and
# saves as much.
FLAGS = -trimpath -buildvcs=false -tags nethttpomithttp2 -gcflags=github.com/...=-l -gcflags=go.yaml.in/...=-l \
	-ldflags "-s -w $(X).version=$(VERSION) $(X).commit=$(COMMIT) $(X).commitTime=$(SOURCE_DATE_EPOCH)"
BUILD = CGO_ENABLED=0 GOAMD64=v1 GOARM64=v8.0 GOARM=7 go build $(FLAGS)
OUT ?= bin/sso-exec
MOST_BYTES = 12500000# that the stripped binary may have
PLATFORMS = linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64

# Set these on the command line or in the environment.
APPROVE ?=#             1: the demo needs no person
N ?= 300#               timed runs of each program of the bench
FUZZTIME ?= 1m#         for each fuzz target
SOAKTIME ?= 10m#        the same under soak
SOAKCOUNT ?= 3#          rounds of the tests of many processes under soak
SOAKRUN ?= Storm|Race|Chaos|Crash|DiskErrors|Interrupt|Broken|Network|Canary

.PHONY: help build size man completions dist distcheck schema texts demo test e2e e2e-all picture fmt \
	vet lint tree cross bench fuzz soak clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/sso-exec, as a release is built
	$(BUILD) -o $(OUT) ./cmd/sso-exec

size: build ## what the stripped binary weighs, and whether that is too much; that it is not PIE
	@bytes=$$(wc -c <bin/sso-exec); echo "bin/sso-exec has $$((bytes)) bytes, at most $(MOST_BYTES)"; \
		test "$$bytes" -le $(MOST_BYTES)
	@case $$(uname) in Linux) test $$(od -An -tu1 -j16 -N1 bin/sso-exec) = 2 || \
		{ echo "it is PIE, which starts slower"; exit 1; };; esac

# The pages are made from the command's own help texts (hack/man). The test that
# checks them writes them, so that none of it is in the binary.
man: ## manual pages, dist/man/*.1
	CGO_ENABLED=0 go test -count=1 -vet=off $(FLAGS) -run '^TestManPages$$' ./internal/cli -man "$(CURDIR)/dist/man"

completions: build ## completion scripts, dist/completions/
	mkdir -p dist/completions
	bin/sso-exec completion bash >dist/completions/sso-exec
	bin/sso-exec completion zsh >dist/completions/_sso-exec
	bin/sso-exec completion fish >dist/completions/sso-exec.fish
	bin/sso-exec completion powershell >dist/completions/sso-exec.ps1

# Of a commit, the same bytes for everybody; docs/releases.md.
dist: PLATFORMS = linux/amd64 linux/arm64 linux/arm darwin/amd64 darwin/arm64 windows/amd64 windows/arm64 freebsd/amd64 freebsd/arm64
dist: ## dist/: archives, packages and all else of the release VERSION=v0.1.0
	@hack/dist/run $(VERSION) $(COMMIT) $(SOURCE_DATE_EPOCH) $(PLATFORMS)

distcheck: ## build linux/amd64 twice and compare, install the deb; hack/dist/check
	@hack/dist/check

schema: ## docs/config.schema.json, which a test compares with the code
	go run ./cmd/sso-exec config schema >docs/config.schema.json.new
	mv docs/config.schema.json.new docs/config.schema.json
	go run ./cmd/sso-exec config schema --policy >docs/policy.schema.json.new
	mv docs/policy.schema.json.new docs/policy.schema.json

texts: ## all that people read in this program, to be read through
	@go run ./hack/texts

demo: ## one sign-in against a provider on this machine; APPROVE=1 without a person
	@APPROVE="$(APPROVE)" hack/demo/run

# A machine with Go alone passes this too, and is told what it went without. In
# CI nothing may be missing. The race detector needs cgo, which needs a C
# compiler; the proofs that stop or kill a process at one point need strace. Most tests
# wait for processes: four at a time keep two cores busy.
test: vet ## go vet, then all tests, under the race detector
	@cc=$$(go env CC); race=-race; skip='^$$'; missing=; \
	command -v $${cc%% *} >/dev/null || { race=; missing="gcc (SO THE RACE DETECTOR WAS NOT USED)"; }; \
	[ "$$(go env GOOS)" != linux ] || command -v strace >/dev/null || { \
		skip='^Test(Crash|DiskErrors|Stopped)'; missing="$$missing strace (SO THE PROOFS THAT STOP A PROCESS AT ONE POINT WERE LEFT OUT)"; }; \
	[ -z "$$missing" ] || [ "$(CI)" != true ] || { echo "make test: MISSING: $$missing" >&2; exit 1; }; \
	set -x; CGO_ENABLED=$${race:+1} go test $$race -parallel 4 -timeout 30m -skip "$$skip" ./... || exit 1; \
	go -C examples test ./... || exit 1; set +x; \
	[ -z "$$missing" ] || echo "make test: MISSING: $$missing" >&2

# The tests of the demo's Dex are here and not in test: they need the hundreds of
# packages that Dex is made of, and test is what one runs after every change.
e2e: ## the binary under kubectl, the AWS CLI and a browser; minutes, see hack/e2e
	CGO_ENABLED=0 go -C hack/demo test -count=1 ./...
	hack/e2e/run

e2e-all: ## e2e, and further real programs, which CI goes without
	hack/e2e/run all

picture: ## draws docs/images/terminal.svg from a real run, see hack/e2e
	E2E_PICTURE="$(CURDIR)/docs/images" hack/e2e/run -run TestAllPicture

fmt: ## format the Go code
	@git ls-files -z --cached --others --exclude-standard '*.go' | xargs -0 gofmt -l -w

vet: ## go vet, of the examples too, which are a module of their own
	go vet ./...
	go -C examples vet ./...

lint: ## words to avoid, golangci-lint for all modules, shellcheck for the scripts
	@hack/lint/words
	@hack/lint/run

tree: ## formatting, go.mod files, and what does not belong into git
	@hack/lint/tree

cross: ## build for all platforms, and vet what only other systems compile
	@for platform in $(PLATFORMS); do \
		echo "build for $$platform"; \
		GOOS=$${platform%/*} GOARCH=$${platform#*/} $(BUILD) -o dist/$${platform%/*}-$${platform#*/}/ ./cmd/sso-exec || exit 1; \
	done
	@for os in windows darwin freebsd; do \
		echo "vet for $$os"; \
		CGO_ENABLED=0 GOOS=$$os go vet ./... || exit 1; \
		CGO_ENABLED=0 GOOS=$$os go -C examples vet ./... || exit 1; \
	done

bench: ## what a call costs; BENCHFLAGS=-json for machines
	@hack/bench/run -n $(N) $(BENCHFLAGS)

fuzz: ## each fuzz target for FUZZTIME
	@hack/fuzz/run $(FUZZTIME)

soak: ## storms, crashes and chaos again and again, then each fuzz target for SOAKTIME
	@test -n "$$(go test -list '$(SOAKRUN)' ./cmd/sso-exec | grep ^Test)" || { \
		echo "make soak: NO TEST of cmd/sso-exec matches $(SOAKRUN)" >&2; exit 1; }
	SSO_EXEC_SOAK=1 CGO_ENABLED=1 go test -race -run '$(SOAKRUN)' -count $(SOAKCOUNT) -timeout 4h ./cmd/sso-exec
	@$(MAKE) fuzz FUZZTIME=$(SOAKTIME)

clean: ## remove what was built here
	rm -rf bin dist hack/*/.bin
