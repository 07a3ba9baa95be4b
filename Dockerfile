# The default target is the manager's image. The simulator has a target of its
# own, for tests in a cluster, and is never part of the manager's image.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY main.go ./
COPY api/ api/
COPY controllers/ controllers/
COPY internal/ internal/
ARG TARGETOS TARGETARCH VERSION=dev COMMIT=unknown
ENV CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH
RUN go build -trimpath -ldflags "-s -w -X main.version=$VERSION -X main.commit=$COMMIT" -o /manager .

FROM build AS build-simulator
COPY hack/simulator/ hack/simulator/
RUN go build -trimpath -ldflags "-s -w" -o /modelarts-simulator ./hack/simulator

FROM gcr.io/distroless/static:nonroot AS simulator
COPY --from=build-simulator /modelarts-simulator /modelarts-simulator
USER 65532:65532
ENTRYPOINT ["/modelarts-simulator"]

FROM gcr.io/distroless/static:nonroot AS manager
COPY --from=build /manager /manager
USER 65532:65532
ENTRYPOINT ["/manager"]
