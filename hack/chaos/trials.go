package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"datasetsync.dev/operator/api/v1alpha1"
)

// hitTime is how long a request is waited for that an aim is taken at.
const hitTime = 8 * time.Second

// leases are the flags of a manager that is one of two and leads for as long as
// it renews its lease.
func leases() []string {
	return []string{
		"--leader-elect", "--leader-elect-lease-duration=3s", "--leader-elect-renew-deadline=2s", "--leader-elect-retry-period=400ms",
	}
}

// before any trial of a kill the manager is down; it is started, and killed at a
// time of chance.
func killAtRandom(ctx context.Context, l *lane, random *rand.Rand, i int) (string, error) {
	if err := l.refresh(ctx, random, i); err != nil {
		return "", err
	}
	m := l.all[0]
	if err := m.start(); err != nil {
		return "", err
	}
	life := time.Duration(random.IntN(3500)) * time.Millisecond
	time.Sleep(life)
	m.process.kill()
	return fmt.Sprintf("killed after %s", life), nil
}

// killAtBoundary kills the manager exactly before or after one request, or while
// its answer is on the way. Half of the requests that were held go on afterwards,
// as if they had been on the wire when the process died.
func killAtBoundary(ctx context.Context, l *lane, random *rand.Rand, i int) (string, error) {
	m := l.all[0]
	if err := l.refresh(ctx, random, i); err != nil {
		return "", err
	}
	if m.process.running() { // It was calm.
		m.process.terminate(20 * time.Second)
	}
	a := newAim(steps()[i%len(steps())], moments()[i/len(steps())%len(moments())], random.IntN(4))
	if a.step == readObjects {
		a.skip = 0
	}
	goOn := random.IntN(2) == 0
	door := m.doorOf(a.step)
	door.arm(a)
	if err := m.start(); err != nil {
		return "", err
	}
	hit := a.awaitHit(hitTime)
	m.process.kill()
	door.arm(nil)
	a.verdict <- goOn
	if !hit {
		l.missed++
	}
	return fmt.Sprintf("killed %s %q, number %d (hit %t, goes on %t)", a.moment, a.step, a.skip, hit, goOn), nil
}

// failOver is how a leader is made to lose its lease.
type failOver string

const (
	zombie       failOver = "stopped, and continued as a zombie"
	murdered     failOver = "killed"
	unplugged    failOver = "cut off from the API server"
	dispossessed failOver = "robbed of its lease"
)

// failOverOf says which fail-over a trial is: of thirteen, ten have a zombie.
func failOverOf(i int) failOver {
	switch i % 13 {
	case 4:
		return murdered
	case 8:
		return unplugged
	case 12:
		return dispossessed
	default:
		return zombie
	}
}

// failOverTrial takes the lease from the leader while it works.
func failOverTrial(ctx context.Context, l *lane, random *rand.Rand, i int) (string, error) {
	if err := errors.Join(l.keepRunning(ctx), l.refresh(ctx, random, i)); err != nil {
		return "", err
	}
	leader, follower, err := l.leader(ctx)
	if err != nil {
		return "", err
	}
	kind, aimed := failOverOf(i), "at random"
	strike := func() { leader.process.signal(syscall.SIGSTOP) }
	switch kind {
	case zombie:
	case murdered:
		strike = leader.process.kill
	case unplugged:
		strike = leader.kubeLink.cut
	case dispossessed:
		strike = func() { l.deleteLease(ctx) }
	}
	if random.IntN(2) == 0 {
		a := newAim(steps()[2+random.IntN(len(steps())-2)], moments()[random.IntN(3)], random.IntN(4))
		door := leader.doorOf(a.step)
		door.arm(a)
		hit := a.awaitHit(3 * time.Second)
		strike()
		door.arm(nil)
		a.verdict <- true
		aimed = fmt.Sprintf("%s %q (hit %t)", a.moment, a.step, hit)
	} else {
		time.Sleep(time.Duration(random.IntN(1500)) * time.Millisecond)
		strike()
	}
	took, err := l.takeOver(ctx, leader, follower, kind, time.Duration(random.IntN(2500))*time.Millisecond)
	return fmt.Sprintf("%s %s: %s took over after %s", kind, aimed, follower.name, took.Round(time.Millisecond)), err
}

// takeOver waits until the follower leads and has worked for a while, brings the
// old leader back, and has it start anew.
func (l *lane) takeOver(ctx context.Context, leader, follower *manager, kind failOver, work time.Duration) (time.Duration, error) {
	struck := time.Now()
	if kind == dispossessed { // Whoever of the two is quicker leads.
		time.Sleep(2*time.Second + work)
		return time.Since(struck), l.keepRunning(ctx)
	}
	for !follower.kube.leads(time.Second) {
		if time.Since(struck) > 20*time.Second {
			l.complain(fmt.Sprintf("%s does not lead after 20 s", follower.name))
			break
		}
		// On a busy machine it may lose the lease by itself, and ends: a kubelet would
		// start it again.
		if err := errors.Join(follower.mend(ctx), follower.start()); err != nil {
			return 0, err
		}
		time.Sleep(50 * time.Millisecond)
	}
	took := time.Since(struck)
	time.Sleep(work)
	leader.process.signal(syscall.SIGCONT)
	if kind != murdered && !leader.process.endsWithin(20*time.Second) {
		// On a busy machine it may have lost the lease, and waited for it again, before
		// it was stopped.
		if leader.kube.leads(time.Second) && follower.kube.leads(time.Second) {
			l.complain(leader.name + " goes on although " + follower.name + " leads")
		}
		leader.process.kill()
	}
	return took, l.keepRunning(ctx)
}

// leader returns who leads, and the other.
func (l *lane) leader(ctx context.Context) (leader, follower *manager, err error) {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		a, b := l.all[0], l.all[1]
		switch aLeads, bLeads := a.kube.leads(900*time.Millisecond), b.kube.leads(900*time.Millisecond); {
		case aLeads && !bLeads:
			return a, b, nil
		case bLeads && !aLeads:
			return b, a, nil
		}
		if err := l.keepRunning(ctx); err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, errors.New("nobody leads")
}

// twoAtOnce lets two managers work without leader election; every other time
// one of them is stopped for a moment.
func twoAtOnce(ctx context.Context, l *lane, random *rand.Rand, i int) (string, error) {
	if err := errors.Join(l.keepRunning(ctx), l.refresh(ctx, random, i)); err != nil {
		return "", err
	}
	time.Sleep(time.Duration(random.IntN(600)) * time.Millisecond)
	if i%2 == 0 {
		time.Sleep(1500 * time.Millisecond)
		return "both work", nil
	}
	m := l.all[random.IntN(len(l.all))]
	m.process.signal(syscall.SIGSTOP)
	time.Sleep(1500 * time.Millisecond)
	m.process.signal(syscall.SIGCONT)
	return m.name + " was stopped for 1.5 s", nil
}

// badNetwork makes one of the two links suffer for a while.
func badNetwork(ctx context.Context, l *lane, random *rand.Rand, i int) (string, error) {
	if err := errors.Join(l.keepRunning(ctx), l.refresh(ctx, random, i)); err != nil {
		return "", err
	}
	m, all := l.all[0], toxics()
	t, where := all[i%len(all)], []string{"service", "API server"}[i/len(all)%2]
	time.Sleep(time.Duration(random.IntN(600)) * time.Millisecond)
	if err := m.links()[where].suffer(t); err != nil {
		return "", err
	}
	time.Sleep(2500 * time.Millisecond)
	return fmt.Sprintf("%s to the %s", t, where), m.mend(ctx)
}

// describe shows an object in one line.
func describe(obj *v1alpha1.DatasetSync) string {
	text, err := json.Marshal(obj.Status)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// deleteLease deletes the lease that the managers of the lane share.
func (l *lane) deleteLease(ctx context.Context) {
	_ = l.client.DeleteAllOf(ctx, &coordinationv1.Lease{}, client.InNamespace(l.name)) // Then it stays, and the leader leads on.
}
