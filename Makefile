GO ?= go
LINT_VERSION = v2.5.0
BIN = $(CURDIR)/bin

# Modules of their own, so that what they need stays out of the product.
MODULES = flow/grpcflow flow/bench bench

# Its tests run a real Kafka in containers, for a quarter of an hour: make integration.
CLAIMS = integration/kafkatest

.PHONY: all help build test race lint lint-install generate verify bench bench-report instructions sim overload steps proof mutants chaos soak integration model fuzz demo clean

all: build test lint ## build, test, lint

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

build: ## build the binary into bin/
	$(GO) build -o $(BIN)/weir ./cmd/weir

test: ## run the tests; needs nothing but Go
	$(GO) vet -tags synctests ./...
	$(GO) test -tags synctests ./...
	@for m in $(MODULES); do (cd $$m && $(GO) vet ./... && $(GO) test ./...) || exit 1; done
	cd $(CLAIMS) && $(GO) vet ./...
	@echo "LEFT OUT: the claims about real brokers ($(CLAIMS)): make integration"

race: ## run the tests with the race detector
	$(GO) test -race -short -tags synctests ./...
	cd flow/grpcflow && $(GO) test -race -short ./...

lint: ## run golangci-lint where it is installed (make lint-install)
	@if [ -x $(BIN)/golangci-lint ]; then $(BIN)/golangci-lint run && (cd flow/grpcflow && $(BIN)/golangci-lint run) && (cd bench && $(BIN)/golangci-lint run) && cd $(CLAIMS) && $(BIN)/golangci-lint run; \
	else echo "lint: golangci-lint is not installed: make lint-install"; test -z "$$CI"; fi

lint-install: ## install the pinned golangci-lint into bin/
	@test -x $(BIN)/golangci-lint || GOBIN=$(BIN) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

generate: ## write the generated pages
	$(GO) generate ./...

verify: generate ## fail if a generated page or go.mod is stale
	$(GO) mod tidy -diff
	@for m in $(MODULES) $(CLAIMS); do (cd $$m && $(GO) mod tidy -diff) || exit 1; done
	git diff --exit-code -- docs

# Every release judges on seeds of its own.
SIM_SEED = $(shell grep '^\#\# [^U]' CHANGELOG.md | head -1 | cksum | cut -d' ' -f1)

sim: ## all limiters against all simulated sinks, with the gates of Knee
	$(GO) run ./cmd/weir sim --set named,random,fleet --seed $(SIM_SEED) --gate knee

bench: ## Weir beside the raw client, about five minutes: its counts are a gate, its times are shown as ratios
	cd bench && $(GO) build -o $(BIN)/bench . && $(BIN)/bench -gate -time 10s -only W1-partition,W1-key,W1-metrics,W2c,W2e,W6m-fetched,W7a-idle,W8c,W8d

bench-report: ## every row, beside the peers and on a real Kafka in a container, about 40 minutes; writes bench/REPORT.md
	cd bench && $(GO) build -o $(BIN)/bench . && $(BIN)/bench -kafka -report REPORT.md

instructions: ## what the hot path and a whole run execute, as a gate against a baseline; WRITE=1 writes it (needs valgrind)
	$(GO) run ./integration/instructions $(if $(WRITE),-write) $(if $(RUNS),-runs $(RUNS))

overload: ## servers under ten times their load, with a door and without, as a gate
	$(GO) run ./integration/overload -gate
	cd flow/grpcflow && $(GO) run ./overload -gate

steps: ## a pipeline whose sink changes tenfold, hangs and refuses, over real sockets, as a gate
	$(GO) run ./integration/steps

proof: ## the engine under seeded faults in virtual time: SEEDS=2000, or SEED=n for one; its last line is what it came to
	@d=$$(mktemp -d) && trap 'rm -rf "$$d"' EXIT && $(GO) test -c -tags synctests -o "$$d/proof" ./integration/proof && \
	"$$d/proof" -test.timeout 3h -test.run TestProof -seeds $(if $(SEED),$(or $(SEEDS),1),$(or $(SEEDS),2000)) -seed $(or $(SEED),0)

mutants: ## plant bugs in the engine one at a time, and see that each is found: MUTANT=name for one
	$(GO) run ./integration/mutants $(if $(MUTANT),-mutant $(MUTANT))

chaos: ## kill the binary at each of its crash points, and 1,000 graceful stops, as a gate
	$(GO) test -tags synctests -count 1 -run '^TestAThousandGracefulStopsRepeatNothing$$' -v ./consumer
	$(GO) run ./integration/chaos

soak: ## the binary under load and faults for FOR=10m, from SEED=n or another each time, as a gate: no loss, no leak
	$(GO) run ./integration/soak -for $(or $(FOR),10m) $(if $(SEED),-seed $(SEED))

integration: ## the claims about real brokers, in containers, each with PASS or FAIL
	GO="$(GO)" integration/claims $(CLAIMS_FLAGS)

model: ## check the model of a hand-over, and that its mutants fail (needs spin and gcc)
	integration/model/check.sh

fuzz: ## each fuzz target for a short while
	@for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep ^Fuzz); do \
	    $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $${FUZZTIME:-10s} $$p || exit 1; done; done

demo: ## see it run
	$(GO) run ./cmd/weir demo

clean: ## remove what was built
	rm -rf $(BIN)
