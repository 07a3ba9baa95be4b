package controllers

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"datasetsync.dev/operator/api/v1alpha1"
	"datasetsync.dev/operator/internal/modelarts"
)

// TestWhoWaitsForASilentServiceIsTold: while one object tries a key, the others
// wait; once the service did not answer, they are told why.
func TestWhoWaitsForASilentServiceIsTold(t *testing.T) {
	t.Parallel()
	k, ref := newKeys(0, 0), use{keyRef: keyRef{id: "key"}}
	try := func(second int) string {
		a := k.admit(ref, true, false, at(second))
		switch {
		case a.blocked != nil:
			return a.blocked.reason
		case a.wait > 0:
			return "waits"
		default:
			return "tries"
		}
	}
	got := []string{try(0), try(1)}
	k.report(ref, &modelarts.Error{Class: modelarts.ClassTransient}, at(10), at(10))
	got = append(got, try(11), try(12))
	k.report(ref, nil, at(20), at(20))
	got = append(got, try(21), try(22))
	want := []string{"tries", "waits", "tries", v1alpha1.ReasonServiceUnavailable, "tries", "tries"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("objects that ask for a key (-want +got):\n%s", diff)
	}
}

// TestARefusedKeyIsTriedRarely asks at some seconds whether a key may be tried,
// and tells at which of them that was let through.
func TestARefusedKeyIsTriedRarely(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		asked []int
		// taken is at which second the service takes the key, 0 for never.
		taken int
		// changed is from which second on the Secret holds something else, 0 for never.
		changed int
		tried   []int
	}{
		"three times in a row, then not for six minutes": {
			asked: []int{0, 10, 20, 30, 379}, tried: []int{0, 10, 20},
		},
		"after a hold once, not three times: the service counts on": {
			asked: []int{0, 10, 20, 400, 410, 759, 800, 810}, tried: []int{0, 10, 20, 400, 800},
		},
		"anew once it was taken": {
			asked: []int{0, 10, 20, 400, 410, 420, 430, 440}, taken: 400, tried: []int{0, 10, 20, 400, 410, 420, 430},
		},
		"anew when the Secret changes, but once, since the service counts on": {
			asked: []int{0, 10, 20, 30, 40, 50, 399, 400, 401}, changed: 40, tried: []int{0, 10, 20, 40, 400},
		},
		"refusals of long ago do not count": {
			asked: []int{0, 10, 380, 390, 400, 410}, tried: []int{0, 10, 380, 390, 400},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, ref := newKeys(0, 0), use{keyRef: keyRef{id: "key"}}
			var tried []int
			for _, second := range c.asked {
				now := at(second)
				if c.changed > 0 && second >= c.changed {
					ref.credentials = "others"
				}
				if a := k.admit(ref, true, false, now); a.blocked != nil || a.wait > 0 {
					continue
				}
				tried = append(tried, second)
				var answer *modelarts.Error
				if second != c.taken || second == 0 {
					answer = &modelarts.Error{Class: modelarts.ClassAuthentication, HTTPStatus: 401}
				}
				k.report(ref, answer, now, now)
			}
			if diff := cmp.Diff(c.tried, tried); diff != "" {
				t.Errorf("tries in seconds (-want +got):\n%s", diff)
			}
		})
	}
}
