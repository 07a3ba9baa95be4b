# The tools that generate and lint, each pinned to one version. The version is
# part of the file's name, so that a new one is installed when it changes here.
# (The control plane's binaries are pinned in hack/controlplane/go.mod.)

CONTROLLER_GEN_VERSION := v0.23.0
# A golangci-lint 2.5 that carries the Kubernetes API linter: one binary for both.
GOLANGCI_LINT_VERSION := v0.0.0-20260716143926-092fe0c72997

CONTROLLER_GEN := bin/tools/controller-gen-$(CONTROLLER_GEN_VERSION)
GOLANGCI_LINT := bin/tools/golangci-lint-kube-api-linter-$(GOLANGCI_LINT_VERSION)

$(CONTROLLER_GEN): ; $(call install-tool,sigs.k8s.io/controller-tools/cmd/controller-gen,$(CONTROLLER_GEN_VERSION))
$(GOLANGCI_LINT): ; $(call install-tool,sigs.k8s.io/kube-api-linter/cmd/golangci-lint-kube-api-linter,$(GOLANGCI_LINT_VERSION))

# install-tool PACKAGE,VERSION installs it, and adds the version to its name.
define install-tool
@echo "installing $(notdir $(1)) $(2), once …"
@GOBIN=$(CURDIR)/bin/tools CGO_ENABLED=0 go install $(1)@$(2)
@mv bin/tools/$(notdir $(1)) $@
endef
