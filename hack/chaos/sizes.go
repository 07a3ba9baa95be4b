package main

import (
	"fmt"
	"time"
)

// size is how much is done: trials by lane, and of the control plane.
type size struct {
	trials map[string]int
	ground int
}

const (
	laneRandom   = "random"
	laneAimed    = "aimed"
	laneFailOver = "failover"
	laneTwo      = "two"
	laneNetwork  = "network"
	laneGround   = "ground"
)

// sizeOf returns a size by its name: ci for every change, full for a release.
func sizeOf(name string) (size, error) {
	switch name {
	case "ci":
		return size{map[string]int{laneRandom: 8, laneAimed: 12, laneFailOver: 2, laneTwo: 4, laneNetwork: 6}, 2}, nil
	case "full":
		return size{map[string]int{laneRandom: 250, laneAimed: 250, laneFailOver: 130, laneTwo: 100, laneNetwork: 180}, 80}, nil
	}
	return size{}, fmt.Errorf("no such size: %q; there are ci and full", name)
}

// courses are the lanes. The settle time is longer than a start can be on its
// way in the lane: that is what the promise rests on, and why a manager that is
// stopped is continued within it.
func courses() []course {
	return []course{
		{name: laneRandom, what: "kills at random", objects: 40, batch: 10, managers: 1, settleTime: 3 * time.Second, trial: killAtRandom},
		{name: laneAimed, what: "kills at a boundary", objects: 40, batch: 10, managers: 1, settleTime: 3 * time.Second, trial: killAtBoundary},
		{name: laneFailOver, what: "fail-overs", objects: 40, batch: 10, managers: 2, settleTime: 20 * time.Second, flags: leases(), trial: failOverTrial},
		{name: laneTwo, what: "two managers, no election", objects: 20, batch: 10, managers: 2, settleTime: 5 * time.Second, trial: twoAtOnce},
		{name: laneNetwork, what: "bad networks", objects: 40, batch: 10, managers: 1, settleTime: 3 * time.Second, trial: badNetwork},
	}
}
