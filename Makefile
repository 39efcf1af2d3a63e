GO ?= go
LINT_VERSION = v2.5.0
BIN = $(CURDIR)/bin

.PHONY: all help build test race lint lint-install generate verify bench fuzz demo clean

all: build test lint ## build, test, lint

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

build: ## build the binary into bin/
	$(GO) build -o $(BIN)/weir ./cmd/weir

test: ## run the tests; needs nothing but Go
	$(GO) vet -tags synctests ./...
	$(GO) test -tags synctests ./...

race: ## run the tests with the race detector
	$(GO) test -race -tags synctests ./...

lint: ## run golangci-lint where it is installed (make lint-install)
	@if [ -x $(BIN)/golangci-lint ]; then $(BIN)/golangci-lint run; \
	else echo "lint: golangci-lint is not installed: make lint-install"; test -z "$$CI"; fi

lint-install: ## install the pinned golangci-lint into bin/
	@test -x $(BIN)/golangci-lint || GOBIN=$(BIN) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

generate: ## write the generated pages
	$(GO) generate ./...

verify: generate ## fail if a generated page or go.mod is stale
	$(GO) mod tidy -diff
	git diff --exit-code -- docs

bench: ## Weir over the raw client, interleaved, with an A/A control
	$(GO) run ./integration/bench

fuzz: ## each fuzz target for a short while
	@for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep ^Fuzz); do \
	    $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $${FUZZTIME:-10s} $$p || exit 1; done; done

demo: ## see it run
	$(GO) run ./cmd/weir demo

clean: ## remove what was built
	rm -rf $(BIN)
