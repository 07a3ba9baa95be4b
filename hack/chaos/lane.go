package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"datasetsync.dev/operator/api/v1alpha1"
)

const (
	project   = "0123456789abcdef0123456789abcdef"
	accessKey = "CANARY-ACCESS-KEY"
	secretKey = "CANARY-SECRET-KEY"

	// taskTime is how long a task of the simulator takes.
	taskTime = time.Second
	// drainTime is how long a request may take until it is at rest, once the
	// faults are over: the settle time, a task, the look that follows a lost
	// answer after 15 s, and room for a slow machine.
	drainTime = 2 * time.Minute
)

// stage is what all lanes share.
type stage struct {
	plane     *controlPlane
	starter   *starter
	graveyard *graveyard
	client    client.Client
	dir       string
	seed      uint64
}

func (s *stage) bin(name string) string { return filepath.Join(s.dir, "bin", name) }

// course is what happens in a lane, trial after trial.
type course struct {
	name string
	// what the trials are, for the table.
	what string
	// objects is how many there are, batch how many are asked for before a trial.
	objects, batch int
	managers       int
	settleTime     time.Duration
	flags          []string
	trial          func(ctx context.Context, l *lane, random *rand.Rand, i int) (string, error)
}

// lane is one strand of the run: a namespace, a simulator with its ledger,
// managers and objects. Lanes share nothing but the control plane.
type lane struct {
	*stage
	course

	dir      string
	service  string
	control  string
	ledger   *ledger
	starts   *starts
	all      []*manager
	requests map[string][]request
	objects  []string
	// asked is how often objects at rest were asked for another sync.
	asked int

	// before is what an interrupted run has done, done how many trials there were
	// in all, and missed how many of them found nothing to aim at.
	before       progress
	done, missed int
	tally        tally
	problems     []string
	diary        *os.File
}

// newLane starts the simulator and creates the objects.
func newLane(ctx context.Context, s *stage, c course) (*lane, error) {
	l := &lane{stage: s, course: c, dir: filepath.Join(s.dir, c.name), starts: newStarts(), requests: map[string][]request{}}
	if err := errors.Join(os.RemoveAll(l.dir), os.MkdirAll(l.dir, 0o700)); err != nil {
		return nil, err
	}
	var err error
	if l.diary, err = os.Create(filepath.Join(l.dir, "trials.log")); err != nil {
		return nil, err
	}
	if err := l.startSimulator(ctx); err != nil {
		return nil, err
	}
	for i := range c.managers {
		m, err := newManager(l, fmt.Sprintf("manager-%d", i))
		if err != nil {
			return nil, err
		}
		l.all = append(l.all, m)
	}
	return l, l.create(ctx)
}

func (l *lane) startSimulator(ctx context.Context) error {
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	l.service, l.control = "127.0.0.1:"+ports[0], "http://127.0.0.1:"+ports[1]
	path := filepath.Join(l.dir, "ledger.jsonl")
	p, err := l.starter.start(l.dir, "simulator", l.bin("modelarts-simulator"), nil,
		"--listen="+l.service, "--control=127.0.0.1:"+ports[1], "--ledger="+path,
		"--access-key="+accessKey, "--secret-key="+secretKey, "--task-duration="+taskTime.String())
	if err != nil {
		return err
	}
	l.graveyard.add(p)
	for deadline := time.Now().Add(20 * time.Second); !answers(ctx, http.DefaultClient, l.control+"/"); {
		if !p.running() || time.Now().After(deadline) {
			return fmt.Errorf("the simulator does not answer: %s", tail(filepath.Join(l.dir, "simulator.log"), 500))
		}
		time.Sleep(50 * time.Millisecond)
	}
	l.ledger, err = openLedger(path)
	return err
}

// create creates the namespace, the Secret and the objects. The creation is the
// first request of each.
func (l *lane) create(ctx context.Context) error {
	space := &corev1.Namespace{}
	space.Name = l.name
	secret := &corev1.Secret{StringData: map[string]string{"accessKey": accessKey, "secretKey": secretKey}}
	secret.Namespace, secret.Name = l.name, v1alpha1.DefaultCredentialsSecret
	if err := errors.Join(l.client.Create(ctx, space), l.client.Create(ctx, secret)); err != nil {
		return fmt.Errorf("create the namespace: %w", err)
	}
	for i := range l.course.objects {
		obj := &v1alpha1.DatasetSync{}
		obj.Namespace, obj.Name = l.name, fmt.Sprintf("cats-%02d", i)
		// Enough for as many crashes as may hit one run.
		retries := int32(50)
		obj.Spec = v1alpha1.DatasetSyncSpec{ProjectID: project, DatasetID: l.dataset(obj.Name), RetryLimit: &retries}
		l.objects = append(l.objects, obj.Name)
		l.requests[obj.Name] = []request{{asked: time.Now()}}
		if err := l.client.Create(ctx, obj); err != nil {
			return fmt.Errorf("create an object: %w", err)
		}
	}
	return nil
}

// dataset names the data set of an object.
func (l *lane) dataset(name string) string { return l.name + "-" + name }

// random returns the source of chance of one trial: the same for the same seed.
func (l *lane) random(i int) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(l.name))
	return rand.New(rand.NewPCG(l.seed, h.Sum64()+uint64(i))) //nolint:gosec // It has to be repeatable.
}

// current returns the newest request of an object.
func (l *lane) current(name string) *request {
	all := l.requests[name]
	return &all[len(all)-1]
}

// list reads all objects, for as long as it takes.
func (l *lane) list(ctx context.Context) ([]v1alpha1.DatasetSync, error) {
	for {
		var list v1alpha1.DatasetSyncList
		err := l.client.List(ctx, &list, client.InNamespace(l.name))
		if err == nil {
			return list.Items, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// look judges what has come to rest since the last time, and returns which
// objects rest.
func (l *lane) look(ctx context.Context) ([]string, error) {
	items, err := l.list(ctx)
	if err != nil {
		return nil, err
	}
	if err := l.ledger.read(); err != nil {
		return nil, err
	}
	var resting []string
	for i := range items {
		obj := &items[i]
		r := l.current(obj.Name)
		if r.closed.IsZero() {
			if !atRest(obj, *r) {
				continue
			}
			t, problems := judge(obj, *r, l.ledger.accepted(obj.Spec.DatasetID, r.asked, time.Time{}))
			l.note(t, problems)
			r.closed = time.Now()
		}
		resting = append(resting, obj.Name)
	}
	return resting, nil
}

func (l *lane) note(t tally, problems []string) {
	l.tally.add(t)
	for _, p := range problems {
		l.complain(p)
	}
}

// complain notes that something is wrong, here and on the screen.
func (l *lane) complain(problem string) {
	l.problems = append(l.problems, problem)
	l.write("PROBLEM " + problem)
	fmt.Printf("%s: PROBLEM: %s\n", l.name, problem)
}

// write writes a line into the lane's diary.
func (l *lane) write(line string) {
	_, _ = fmt.Fprintf(l.diary, "%s %s\n", time.Now().UTC().Format("15:04:05.000"), line) // For people only.
}

// ask asks for a sync of some objects that rest, in an order of chance. It
// returns of how many.
func (l *lane) ask(ctx context.Context, random *rand.Rand) (int, error) {
	resting, err := l.look(ctx)
	if err != nil {
		return 0, err
	}
	random.Shuffle(len(resting), func(a, b int) { resting[a], resting[b] = resting[b], resting[a] })
	resting = resting[:min(len(resting), l.batch)]
	l.asked++
	for _, name := range resting {
		if err := l.trigger(ctx, name, fmt.Sprintf("v%d", l.asked)); err != nil {
			return 0, err
		}
	}
	return len(resting), nil
}

// trigger asks for one sync of an object at rest, again until the API server has
// taken it: the same trigger asks once.
func (l *lane) trigger(ctx context.Context, name, trigger string) error {
	l.starts.forget(l.dataset(name))
	l.requests[name] = append(l.requests[name], request{trigger: trigger, asked: time.Now()})
	obj := &v1alpha1.DatasetSync{}
	obj.Namespace, obj.Name = l.name, name
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"trigger":"`+trigger+`"}}`))
	for {
		err := l.client.Patch(ctx, obj, patch)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// refresh asks for syncs. If most objects are still on their way, the managers
// are left in peace until enough are at rest.
func (l *lane) refresh(ctx context.Context, random *rand.Rand, i int) error {
	n, err := l.ask(ctx, random)
	if err != nil || n >= l.batch/2 || i == 0 {
		return err
	}
	l.write("calm")
	deadline := time.Now().Add(drainTime)
	for {
		if err := l.keepRunning(ctx); err != nil {
			return err
		}
		resting, err := l.look(ctx)
		if err != nil {
			return err
		}
		if len(resting) >= l.batch {
			break
		}
		if time.Now().After(deadline) {
			l.complain(fmt.Sprintf("only %d objects came to rest within %s", len(resting), drainTime))
			break
		}
		time.Sleep(300 * time.Millisecond)
	}
	_, err = l.ask(ctx, random)
	return err
}

// keepRunning starts every manager that has ended, as a kubelet does, and mends
// its links.
func (l *lane) keepRunning(ctx context.Context) error {
	for _, m := range l.all {
		if err := errors.Join(m.mend(ctx), m.start()); err != nil {
			return err
		}
	}
	return nil
}

// drain lets everything come to rest without faults. What does not is lost.
func (l *lane) drain(ctx context.Context) error {
	deadline := time.Now().Add(drainTime)
	for {
		if err := l.keepRunning(ctx); err != nil {
			return err
		}
		resting, err := l.look(ctx)
		if err != nil {
			return err
		}
		if len(resting) == len(l.objects) {
			return nil
		}
		if time.Now().After(deadline) {
			return l.loseTheRest(ctx)
		}
		time.Sleep(300 * time.Millisecond)
	}
}

func (l *lane) loseTheRest(ctx context.Context) error {
	items, err := l.list(ctx)
	if err != nil {
		return err
	}
	for i := range items {
		if r := l.current(items[i].Name); r.closed.IsZero() {
			status := describe(&items[i])
			l.note(tally{Requests: 1, Lost: 1}, []string{fmt.Sprintf("%s, request %q: not at rest after %s: %s", items[i].Name, r.trigger, drainTime, status)})
			r.closed = time.Now()
		}
	}
	return nil
}

// audit looks at the whole ledger once more: a start may have been accepted after
// its request was judged, or for nobody.
func (l *lane) audit() error {
	if err := l.ledger.read(); err != nil {
		return err
	}
	ours := map[string]bool{}
	for _, name := range l.objects {
		ours[l.dataset(name)] = true
		all := l.requests[name]
		for i, r := range all {
			var until time.Time
			if i+1 < len(all) {
				until = all[i+1].asked
			}
			if late := l.ledger.accepted(l.dataset(name), r.closed, until); len(late) > 0 {
				l.note(tally{Accepted: len(late), Doubled: 1}, []string{fmt.Sprintf("%s, request %q: %d starts were accepted after it was served", name, r.trigger, len(late))})
			}
		}
	}
	if entry := l.ledger.foreign(ours); entry != nil {
		l.note(tally{Untruthful: 1}, []string{fmt.Sprintf("a start of the data set %s, which nobody asked for", entry.Dataset)})
	}
	return l.findSecrets()
}

// findSecrets looks for credentials in what the managers logged.
func (l *lane) findSecrets() error {
	for _, m := range l.all {
		data, err := os.ReadFile(filepath.Join(l.dir, m.name+".log"))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if strings.Contains(string(data), "CANARY") {
			l.note(tally{Untruthful: 1}, []string{m.name + " logged a credential"})
		}
	}
	return nil
}

// run makes the trials that are not done yet.
func (l *lane) run(ctx context.Context, trials int, j *journal, say func(string, ...any)) error {
	for l.done = l.before.Trials; l.done < trials; {
		what, err := l.trial(ctx, l, l.random(l.done), l.done)
		if err != nil {
			return fmt.Errorf("%s, trial %d: %w", l.name, l.done, err)
		}
		l.write(fmt.Sprintf("trial %d: %s", l.done, what))
		l.done++
		if l.done == trials || l.done%max(1, trials/10) == 0 {
			say("%s: %d of %d", l.what, l.done, trials)
		}
		if err := j.note(l.name, l.progress()); err != nil {
			return err
		}
	}
	return nil
}

// progress is what the lane has done, before it was resumed as well.
func (l *lane) progress() progress {
	p := l.before
	p.Trials, p.Missed = l.done, p.Missed+l.missed
	p.Tally.add(l.tally)
	return p
}
