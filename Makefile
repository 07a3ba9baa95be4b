# The operator's image, as `make image` builds and `make deploy` uses it.
IMG ?= datasetsync-operator:latest
# What builds it: docker, podman or buildah.
CONTAINER_TOOL ?= docker
# More arguments for `go test`, and for the manager of `make run`.
TESTFLAGS ?=
ARGS ?=

VERSION ?= $(shell git describe --tags --match 'v*' --dirty 2>/dev/null || echo dev)
COMMIT ?= $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

# The race detector needs a C compiler.
RACE := $(if $(shell command -v $$(go env CC) 2>/dev/null),-race)
# Recipes use kubectl from PATH; without one there, the control plane's.
KUBECTL ?= $$(command -v kubectl || echo "$$(hack/controlplane/assets)/kubectl")

# A pipe fails with any of its commands.
SHELL := bash
.SHELLFLAGS := -o pipefail -c

.DEFAULT_GOAL := help
include hack/tools.mk

##@ Try it

.PHONY: demo
demo: build ## Run everything on this machine until three samples are Ready; KEEP=1 leaves it running.
	@go build -o bin/demo/demo ./hack/demo
	@KUBEBUILDER_ASSETS=$$(hack/controlplane/assets) || exit 1; export KUBEBUILDER_ASSETS; \
	exec bin/demo/demo $(if $(KEEP),--keep)

.PHONY: demo-stop
demo-stop: ## Stop what `make demo KEEP=1` left running.
	@go build -o bin/demo/demo ./hack/demo
	@bin/demo/demo --stop

.PHONY: run
run: build ## Run the manager against the current KUBECONFIG; ARGS="--endpoint=…" for more flags.
	bin/manager --metrics-secure=false --metrics-bind-address=127.0.0.1:8080 $(ARGS)

##@ Develop

.PHONY: build
build: ## Compile bin/manager and bin/modelarts-simulator.
	@echo "building bin/manager and bin/modelarts-simulator (the first time takes a minute or two) …"
	@go build -ldflags '$(LDFLAGS)' -o bin/manager .
	@go build -ldflags '$(LDFLAGS)' -o bin/modelarts-simulator ./hack/simulator

.PHONY: test
test: ## Run the tests, also of the kubectl plugin and the judges of chaos and e2e; those that need an API server start one.
	@KUBEBUILDER_ASSETS=$$(hack/controlplane/assets) || exit 1; export KUBEBUILDER_ASSETS; start=$$(date +%s); \
	status=0; go test $(RACE) $(TESTFLAGS) ./... || status=1; \
	for module in kubectl-dsync chaos e2e; do go -C hack/$$module test $(RACE) $(TESTFLAGS) ./... || status=1; done; \
	echo "test: $$([ $$status = 0 ] && echo passed || echo FAILED) after $$(($$(date +%s) - start)) s"; \
	exit $$status

.PHONY: test-manifests
test-manifests: ## Test the manifests, the chart, the alerts and the manager's rights.
	@assets=$$(hack/controlplane/assets) && KUBEBUILDER_ASSETS=$$assets go test -C hack/manifests -count=1 ./...

.PHONY: explore
explore: ## Search the protocol exhaustively with large bounds; three minutes on two cores.
	@EXPLORE=large go test ./internal/proof/explore -run TestExplore -timeout 3h -count=1 -v

.PHONY: enumerate
enumerate: ## Run every fault with every crash, and every pair of faults.
	@ENUMERATE=all go test ./internal/proof/enumerate -timeout 3h -count=1 -v

.PHONY: simulate
simulate: ## Run random worlds for a minute; SIMULATE=200000: that many, an hour.
	@SIMULATE=$(or $(SIMULATE),1m) go test ./internal/proof/simulate -run TestSeeds -timeout 5h -count=1 -v

FUZZTIME ?= 1m

.PHONY: fuzz
fuzz: ## Fuzz every decoder and the reconciler, FUZZTIME each; what fails becomes a test.
	@for package in ./controllers ./internal/modelarts ./internal/proof/hostile; do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			go test $$package -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) || exit 1; \
		done; \
	done

.PHONY: chaos
chaos: ## Kill, stop and cut off real managers; SIZE=full: 500 kills and 130 fail-overs, twenty minutes.
	@assets=$$(hack/controlplane/assets) && cd hack/chaos && KUBEBUILDER_ASSETS=$$assets go run . --size=$(or $(SIZE),ci)

.PHONY: seeded-bugs
seeded-bugs: ## Show that the tests find the bugs of hack/seeded-bugs.
	@assets=$$(hack/controlplane/assets) && KUBEBUILDER_ASSETS=$$assets go run ./hack/seeded-bugs

PHASES ?= burst,steady

.PHONY: bench
bench: build ## Measure the manager; PHASES=rest,running,fair,long,scale for more.
	@go build -o bin/bench/bench ./hack/bench
	@assets=$$(hack/controlplane/assets) && KUBEBUILDER_ASSETS=$$assets exec bin/bench/bench -phases=$(PHASES)

.PHONY: bench-counts
bench-counts: build ## Check the writes, calls and starts of a few runs, as CI does.
	@go build -o bin/bench/bench ./hack/bench
	@assets=$$(hack/controlplane/assets) && KUBEBUILDER_ASSETS=$$assets exec bin/bench/bench -phases=burst -objects=40 -task=15s

.PHONY: generate
generate: deepcopy manifests apidocs ## Regenerate all that is made from the types and markers.

.PHONY: deepcopy
deepcopy: $(CONTROLLER_GEN) ## Regenerate the copy functions of the types.
	@$(CONTROLLER_GEN) object:headerFile=hack/boilerplate.go.txt paths=./api/... output:dir=$(GENERATED)api/v1alpha1

.PHONY: manifests
manifests: $(CONTROLLER_GEN) ## Regenerate the CRD, the manager's ClusterRole and what the chart has of them.
	@$(CONTROLLER_GEN) crd rbac:roleName=manager-role paths=./api/... paths=./controllers/... \
		output:crd:dir=$(GENERATED)config/crd/bases output:rbac:dir=$(GENERATED)config/rbac
	@mkdir -p $(GENERATED)charts/datasetsync/files && cp $(GENERATED)config/crd/bases/*.yaml \
		config/prometheus/alerts.yaml config/grafana/dashboard.json $(GENERATED)charts/datasetsync/files/

.PHONY: apidocs
apidocs: manifests ## Regenerate docs/fields.md from the CRD.
	@mkdir -p $(GENERATED)docs && go run ./hack/apidocs $(GENERATED)

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Lint the code.
	@$(GOLANGCI_LINT) run

.PHONY: api-lint
api-lint: $(GOLANGCI_LINT) ## Lint the API types against the Kubernetes conventions.
	@$(GOLANGCI_LINT) run --config .golangci-kal.yml ./api/...

.PHONY: verify
verify: verify-generated lint api-lint ## Check what CI checks besides the tests; changes nothing.
	@go vet ./...
	@go mod tidy -diff
	@for module in controlplane manifests chaos e2e kubectl-dsync; do (cd hack/$$module && go mod tidy -diff) || exit 1; done
	@echo "verify: passed"

.PHONY: verify-generated
verify-generated: ## Check that what is generated is up to date.
	@rm -rf bin/.generated
	@$(MAKE) --no-print-directory generate GENERATED=bin/.generated/
	@for path in api/v1alpha1/zz_generated.deepcopy.go config/crd/bases config/rbac/role.yaml charts/datasetsync/files docs/fields.md; do \
		git --no-pager diff --no-index $$path bin/.generated/$$path || { echo "$$path: run make generate"; exit 1; }; \
	done

.PHONY: clean
clean: ## Remove what was built, but not the control plane, the tools and a kept demo.
	@rm -rf bin/manager bin/modelarts-simulator bin/.generated

##@ Use it in a cluster

.PHONY: install
install: ## Install the CRD into the current KUBECONFIG's cluster.
	@$(KUBECTL) apply -k config/crd

.PHONY: uninstall
uninstall: ## Remove the CRD and with it every DatasetSync.
	@$(KUBECTL) delete --ignore-not-found -k config/crd

.PHONY: image
image: ## Build the image IMG.
	$(CONTAINER_TOOL) build --build-arg VERSION=$(VERSION) --build-arg COMMIT=$(COMMIT) -t $(IMG) .

.PHONY: deploy
deploy: build-installer ## Deploy CRD, roles and manager, with the image IMG.
	@$(KUBECTL) apply -f dist/install.yaml

.PHONY: build-installer
build-installer: ## Write dist/install.yaml, everything that a cluster needs, with the image IMG.
	@mkdir -p dist
	@$(KUBECTL) kustomize config/default | sed 's|image: datasetsync-operator:latest|image: $(IMG)|' >dist/install.yaml

.PHONY: undeploy
undeploy: ## Remove all of it again, and with the CRD every DatasetSync.
	@$(KUBECTL) delete --ignore-not-found -k config/default

# What `make test-e2e` changes to in mid-run: it may be IMG under another tag.
IMG2 ?= $(IMG)-next
SIMULATOR_IMG ?= modelarts-simulator:latest

.PHONY: test-e2e
test-e2e: ## Test IMG, IMG2 and SIMULATOR_IMG in the cluster of KUBECONFIG, end to end.
	@echo "building bin/e2e/e2e (the first time takes a minute or two) …"
	@go build -C hack/e2e -o ../../bin/e2e/e2e .
	@exec bin/e2e/e2e -kubectl="$(KUBECTL)" -image='$(IMG)' -next-image='$(IMG2)' -simulator-image='$(SIMULATOR_IMG)'

.PHONY: help
help: ## Show this list.
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z0-9-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' Makefile
