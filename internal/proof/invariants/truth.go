package invariants

import (
	"datasetsync.dev/operator/api/v1alpha1"
)

// checkTruth: V5.
func (c *checker) checkTruth(l *life) {
	for i := range l.Versions {
		v := &l.Versions[i]
		st := &v.Status
		if st.HandledTarget == nil {
			continue
		}
		if st.TaskID != l.before(i).Status.TaskID {
			c.checkTask(l, i, st.HandledTarget, st.TaskID)
		}
		if run := st.Run; run != nil && run.Task != nil {
			c.checkTask(l, i, &run.Target, run.Task.ID)
		}
		if run := st.Run; run != nil && run.Baseline != nil {
			c.checkTask(l, i, &run.Target, run.Baseline.TaskID)
		}
		if st.Samples != nil && st.TaskID != "" && st.TaskState == stateCompleted {
			c.checkSamples(l, i, st)
		}
	}
}

// checkTask: a task that is named is one of the data set, and was there.
func (c *checker) checkTask(l *life, i int, target *v1alpha1.Target, id string) {
	if id == "" {
		return
	}
	t := c.tasks[place{target.ProjectID, target.DatasetID}][id]
	switch {
	case t == nil:
		c.fail("V5", l.name(), "version %d names %s, which is no task of %s", i, id, target.DatasetID)
	case c.apiTime(t.CreateTime).After(l.Versions[i].Time):
		c.fail("V5", l.name(), "version %d names %s before it began", i, id)
	}
}

// checkSamples: counts that are shown are the task's.
func (c *checker) checkSamples(l *life, i int, st *v1alpha1.DatasetSyncStatus) {
	t := c.tasks[place{st.HandledTarget.ProjectID, st.HandledTarget.DatasetID}][st.TaskID]
	if t == nil || t.State != stateCompleted {
		return // Told by V4 and V5 elsewhere.
	}
	for name, pair := range map[string]struct {
		shown *int64
		true  int64
	}{
		"added":   {st.Samples.Added, t.Added},
		"deleted": {st.Samples.Deleted, t.Deleted},
		"total":   {st.Samples.Total, t.Total},
	} {
		if pair.shown != nil && *pair.shown != pair.true {
			c.fail("V5", l.name(), "version %d shows %d samples %s by task %s, which are %d", i, *pair.shown, name, st.TaskID, pair.true)
		}
	}
}
