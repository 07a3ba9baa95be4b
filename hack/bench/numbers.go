package main

import (
	"fmt"
	"slices"
)

// quantile returns the smallest value that a share q of all does not exceed.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// verdict tells a target and whether it is reached.
func verdict(ok bool, format string, args ...any) {
	word := "reached"
	if !ok {
		word = "NOT REACHED"
	}
	fmt.Printf("  target %s: %s\n", fmt.Sprintf(format, args...), word)
}
