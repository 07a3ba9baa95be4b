package main

import (
	"fmt"
	"strconv"
	"time"
)

// report prints what happened, and reports whether every promise was kept.
func report(j *journal, lanes []*lane, groundTrials int, took time.Duration) bool {
	fmt.Printf("\n%-30s %7s %9s %9s %9s %6s %8s %11s\n",
		"faults", "number", "requests", "accepted", "paid for", "lost", "doubled", "untruthful")
	line := func(what, number string, t tally) {
		fmt.Printf("%-30s %7s %9d %9d %9d %6d %8d %11d\n", what, number, t.Requests, t.Accepted, t.PaidFor, t.Lost, t.Doubled, t.Untruthful)
	}
	var all tally
	problems := 0
	for _, l := range lanes {
		p := j.lane(l.name)
		all.add(p.Tally)
		problems += len(l.problems)
		line(l.what, strconv.Itoa(p.Trials), p.Tally)
	}
	line("together", "", all)
	fmt.Printf("The control plane was taken away from all of them %d times.\n", groundTrials)

	aimed, failovers := j.lane(laneAimed), j.lane(laneFailOver)
	kills := aimed.Trials + j.lane(laneRandom).Trials
	fmt.Printf("\n%d kills, %d of them exactly at a boundary; %d fail-overs, %d with a zombie; seed %d; %s\n",
		kills, aimed.Trials-aimed.Missed, failovers.Trials, zombies(failovers.Trials), j.Seed, took.Round(time.Second))
	if all.violations() == 0 && kills > 0 {
		fmt.Printf("No violation in %d kills: at 95 %%, the probability of one is below %.1f %% a kill.\n", kills, 300/float64(kills))
	}
	return all.violations() == 0 && problems == 0
}

// zombies counts the trials whose leader was stopped and continued.
func zombies(trials int) (n int) {
	for i := range trials {
		if failOverOf(i) == zombie {
			n++
		}
	}
	return n
}
