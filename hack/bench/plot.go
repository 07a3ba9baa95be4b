package main

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
)

// The plot has one panel for each of these columns, over the number of objects;
// both axes are logarithmic.
type panel struct {
	title   string
	columns []int
	names   []string
}

func panels() []panel {
	return []panel{
		{"memory, MiB", []int{1, 2}, []string{"resident", "peak"}},
		{"start, s", []int{3, 4}, []string{"until settled", "CPU"}},
		{"idle minute, s of CPU", []int{5}, []string{"CPU"}},
		{"request to task id, ms", []int{6, 7}, []string{"p50", "p99"}},
	}
}

// The geometry of a panel, in pixels.
const (
	panelWidth, panelHeight  = 300, 240
	left, right, above, down = 48, 16, 32, 36
)

// drawPlot draws the numbers of a CSV file as SVG. An object number of 0 is
// left out: it has no logarithm.
func drawPlot(from, to string) error {
	file, err := os.Open(from)
	if err != nil {
		return err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return err
	}
	numbers, err := parseRows(rows[1:])
	if err != nil {
		return err
	}
	var svg strings.Builder
	all := panels()
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">`+"\n",
		2*panelWidth, (len(all)+1)/2*panelHeight)
	svg.WriteString(`<rect width="100%" height="100%" fill="white"/>` + "\n")
	for i, p := range all {
		fmt.Fprintf(&svg, `<g transform="translate(%d,%d)">`+"\n", i%2*panelWidth, i/2*panelHeight)
		p.draw(&svg, numbers)
		svg.WriteString("</g>\n")
	}
	svg.WriteString("</svg>\n")
	return os.WriteFile(to, []byte(svg.String()), 0o644) //nolint:gosec // A picture that anyone may see.
}

func parseRows(rows [][]string) ([][]float64, error) {
	var numbers [][]float64
	for _, row := range rows {
		parsed := make([]float64, len(row))
		for i, text := range row {
			var err error
			if parsed[i], err = strconv.ParseFloat(text, 64); err != nil {
				return nil, err
			}
		}
		if parsed[0] > 0 {
			numbers = append(numbers, parsed)
		}
	}
	return numbers, nil
}

// axis places the logarithms of values between two pixels.
type axis struct{ low, high, from, to float64 }

func newAxis(values []float64, from, to float64) axis {
	a := axis{low: math.Inf(1), high: math.Inf(-1), from: from, to: to}
	for _, v := range values {
		exponent := math.Log10(max(v, 0.01))
		a.low, a.high = min(a.low, math.Floor(exponent)), max(a.high, math.Ceil(exponent))
	}
	if a.high == a.low {
		a.high++
	}
	return a
}

func (a axis) at(value float64) float64 {
	return a.from + (math.Log10(max(value, 0.01))-a.low)/(a.high-a.low)*(a.to-a.from)
}

// draw draws the axes and one line for each column.
func (p panel) draw(svg *strings.Builder, numbers [][]float64) {
	var objects, values []float64
	for _, row := range numbers {
		objects = append(objects, row[0])
		for _, c := range p.columns {
			values = append(values, row[c])
		}
	}
	x, y := newAxis(objects, left, panelWidth-right), newAxis(values, panelHeight-down, above)
	fmt.Fprintf(svg, `<text x="%d" y="16" font-weight="bold">%s</text>`+"\n", left, p.title)
	for e := x.low; e <= x.high; e++ {
		at := x.at(math.Pow(10, e))
		fmt.Fprintf(svg, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#ddd"/>`, at, at, above, panelHeight-down)
		fmt.Fprintf(svg, `<text x="%.1f" y="%d" text-anchor="middle">%g</text>`+"\n", at, panelHeight-down+16, math.Pow(10, e))
	}
	for e := y.low; e <= y.high; e++ {
		at := y.at(math.Pow(10, e))
		fmt.Fprintf(svg, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/>`, left, panelWidth-right, at, at)
		fmt.Fprintf(svg, `<text x="%d" y="%.1f" text-anchor="end">%g</text>`+"\n", left-6, at+4, math.Pow(10, e))
	}
	colors := []string{"#1f6fb4", "#d95f02"}
	for i, c := range p.columns {
		var points []string
		for _, row := range numbers {
			px, py := x.at(row[0]), y.at(row[c])
			points = append(points, fmt.Sprintf("%.1f,%.1f", px, py))
			fmt.Fprintf(svg, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`, px, py, colors[i])
		}
		fmt.Fprintf(svg, `<polyline points="%s" fill="none" stroke="%s" stroke-width="1.5"/>`+"\n", strings.Join(points, " "), colors[i])
		fmt.Fprintf(svg, `<text x="%d" y="%d" fill="%s">%s</text>`+"\n", left+8, above+14+14*i, colors[i], p.names[i]) // Where curves that rise leave room.
	}
}
