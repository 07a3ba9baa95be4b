package controllers

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/simulator"
)

// kubectl is the real one, against the API server of the suite.
type kubectl struct {
	program, kubeconfig string
}

func newKubectl(w *world) *kubectl {
	GinkgoHelper()
	program := filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl")
	Expect(program).To(BeAnExistingFile(), "`make test` provides it with the control plane")
	config := clientcmdapi.NewConfig()
	config.Clusters["envtest"] = &clientcmdapi.Cluster{Server: restConfig.Host, CertificateAuthorityData: restConfig.CAData}
	config.AuthInfos["envtest"] = &clientcmdapi.AuthInfo{ClientCertificateData: restConfig.CertData, ClientKeyData: restConfig.KeyData}
	config.Contexts["envtest"] = &clientcmdapi.Context{Cluster: "envtest", AuthInfo: "envtest", Namespace: w.namespace}
	config.CurrentContext = "envtest"
	kubeconfig := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(clientcmd.WriteToFile(*config, kubeconfig)).To(Succeed())
	return &kubectl{program, kubeconfig}
}

// try runs kubectl with the manifest as its input, and returns what it says.
func (k *kubectl) try(ctx context.Context, manifest string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	args = append([]string{"--kubeconfig", k.kubeconfig, "--cache-dir", filepath.Dir(k.kubeconfig)}, args...)
	cmd := exec.CommandContext(ctx, k.program, args...)
	cmd.Stdin = strings.NewReader(manifest)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	return output.String(), err
}

// run is try for what must work. The arguments are as in a shell, but for quotes.
func (k *kubectl) run(ctx context.Context, command string) string {
	GinkgoHelper()
	output, err := k.try(ctx, "", strings.Fields(command)...)
	Expect(err).NotTo(HaveOccurred(), "kubectl %s: %s", command, output)
	GinkgoWriter.Printf("$ kubectl %s\n%s", command, output)
	return output
}

// script runs bash with kubectl in its path.
func (k *kubectl) script(ctx context.Context, text string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", text)
	cmd.WaitDelay = time.Second
	cmd.Env = append(os.Environ(), "KUBECONFIG="+k.kubeconfig, "PATH="+filepath.Dir(k.program)+":"+os.Getenv("PATH"))
	cmd.Stdout, cmd.Stderr = GinkgoWriter, GinkgoWriter
	return cmd.Run()
}

// documentedScript is the one that waits for success and failure, for an object of
// a namespace.
func documentedScript(namespace, name string) string {
	GinkgoHelper()
	text, err := os.ReadFile("../docs/gitops.md")
	Expect(err).NotTo(HaveOccurred())
	_, script, found := strings.Cut(string(text), "```bash\n")
	Expect(found).To(BeTrue())
	script, _, _ = strings.Cut(script, "```")
	return strings.NewReplacer("-n vision", "-n "+namespace, "dsync/cats", "dsync/"+name).Replace(script)
}

const catsManifest = `
apiVersion: modelarts.datasetsync.dev/v1alpha1
kind: DatasetSync
metadata: {name: cats}
spec:
  projectID: ` + testProject + `
  datasetID: cats
  schedule: 0 2 * * *
  timeZone: Asia/Shanghai
`

var _ = Describe("A script with kubectl", func() {
	It("gives Argo CD the health check and leaves its other settings alone", func(ctx SpecContext) {
		w := newWorld(ctx)
		k := newKubectl(w)
		k.run(ctx, "create configmap argocd-cm --from-literal=url=https://argocd.example")
		key := "resource.customizations.health.modelarts.datasetsync.dev_DatasetSync"
		for range 2 {
			manifest := k.run(ctx, "create configmap argocd-cm --dry-run=client -o yaml --from-file="+key+"="+healthLua)
			output, err := k.try(ctx, manifest, "apply", "--server-side", "--field-manager=datasetsync", "-f", "-")
			Expect(err).NotTo(HaveOccurred(), output)
		}
		settings := &corev1.ConfigMap{}
		Expect(w.client.Get(ctx, client.ObjectKey{Namespace: w.namespace, Name: "argocd-cm"}, settings)).To(Succeed())
		script, err := os.ReadFile(healthLua)
		Expect(err).NotTo(HaveOccurred())
		Expect(settings.Data).To(Equal(map[string]string{"url": "https://argocd.example", key: string(script)}))
	})

	It("waits for what it asked for, and sees what came of it", func(ctx SpecContext) {
		w := realTime(ctx, simulator.Config{TaskDuration: 500 * time.Millisecond})
		w.service.AddFault(simulator.Fault{Kind: "answer", Code: "ModelArts.4352", Dataset: "gone"})
		w.startManager(ctx)
		k := newKubectl(w)

		By("applying a manifest")
		for _, want := range []string{"created", "unchanged"} {
			output, err := k.try(ctx, catsManifest, "apply", "-f", "-")
			Expect(err).NotTo(HaveOccurred(), output)
			Expect(output).To(Equal("datasetsync.modelarts.datasetsync.dev/cats " + want + "\n"))
		}
		k.run(ctx, "wait dsync/cats --for=condition=Ready --timeout=60s")
		Expect(w.starts("cats")).To(Equal(1))

		By("editing spec")
		k.run(ctx, `patch dsync/cats --type=merge --patch={"spec":{"trigger":"v2"}}`)
		k.run(ctx, "wait dsync/cats --for=condition=Ready --timeout=60s")
		Expect(w.starts("cats")).To(Equal(2), "the wait ended before the sync that was asked for")
		obj := w.get(ctx, "cats")
		Expect(obj.Status.HandledTrigger).To(Equal("v2"))
		Expect(obj.Status.History[0].Cause).To(Equal(v1alpha1.CauseTrigger))

		By("annotating")
		k.run(ctx, "annotate dsync/cats "+v1alpha1.RequestedAtAnnotation+"=2026-03-01T12:00:00Z")
		k.run(ctx, "wait dsync/cats --for=jsonpath={.status.handledRequest}=2026-03-01T12:00:00Z --timeout=60s")
		k.run(ctx, "wait dsync/cats --for=condition=Ready --timeout=60s")
		Expect(w.starts("cats")).To(Equal(3), "the wait ended before the sync that was asked for")
		Expect(w.get(ctx, "cats").Status.History[0].Cause).To(Equal(v1alpha1.CauseRequest))

		By("waiting for a failure")
		output, err := k.try(ctx, strings.ReplaceAll(catsManifest, "cats", "gone"), "apply", "--server-side", "-f", "-")
		Expect(err).NotTo(HaveOccurred(), output)
		k.run(ctx, "wait dsync/gone --for=condition=Stalled --timeout=60s")
		Expect(k.script(ctx, documentedScript(w.namespace, "cats"))).To(Succeed(), "the one for cats")
		Expect(k.script(ctx, documentedScript(w.namespace, "gone"))).NotTo(Succeed())

		By("looking")
		columns := strings.Split(k.run(ctx, "get dsync"), "\n")
		Expect(strings.Fields(columns[0])).To(Equal(strings.Fields("NAME READY STATE TASK LAST SUCCESS NEXT AGE")))
		task := w.service.Tasks(testProject, "cats")[2].ID
		next := func(name string) string { return w.get(ctx, name).Status.NextSyncTime.UTC().Format(time.RFC3339) }
		Expect(columns[1]).To(MatchRegexp(`^cats +True +COMPLETED +%s +\d+s +%s +\d+s$`, task, next("cats")))
		Expect(columns[2]).To(MatchRegexp(`^gone +False +%s +\d+s$`, next("gone")))
		wide := k.run(ctx, "get modelarts -o wide")
		Expect(strings.Fields(strings.Split(wide, "\n")[0])[8:]).To(Equal(strings.Fields("DATASET ADDED DELETED TOTAL MESSAGE")))
		Expect(wide).To(MatchRegexp(`cats +\d+ +\d+ +\d+ +The data set is in step`))
		Expect(k.run(ctx, "explain dsync.spec.trigger")).To(ContainSubstring("every change to another non-empty value asks"))
		Expect(k.run(ctx, "explain dsync.status.handledRequest")).To(ContainSubstring("requested-at"))
		Expect(k.run(ctx, "describe dsync/gone")).To(ContainSubstring("DatasetNotFound"))
		Eventually(func() string { return k.run(ctx, "events --for dsync/gone") }).WithTimeout(time.Minute).WithPolling(time.Second).
			Should(ContainSubstring("SyncFailed"))

		By("deleting, which never hangs")
		k.run(ctx, "delete dsync --all --wait --timeout=30s")
	}, SpecTimeout(3*time.Minute))
})
