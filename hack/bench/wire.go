package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// get returns the body of an answer of 200.
func get(ctx context.Context, c *http.Client, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	return send(c, request)
}

// post sends JSON.
func post(ctx context.Context, c *http.Client, url string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	_, err = send(c, request)
	return err
}

// send returns the body of an answer that tells of success.
func send(c *http.Client, request *http.Request) ([]byte, error) {
	response, err := c.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s: %.300s", request.Method, request.URL, response.Status, body)
	}
	return body, err
}

// counts are requests by what they were, such as "PATCH datasetsyncs/status".
type counts map[string]int

// since returns what was added to earlier counts.
func (c counts) since(earlier counts) counts {
	added := counts{}
	for name, n := range c {
		if n > earlier[name] {
			added[name] = n - earlier[name]
		}
	}
	return added
}

func (c counts) sum() (n int) {
	for _, one := range c {
		n += one
	}
	return n
}

// per tells the counts for each of n objects.
func (c counts) per(n int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(c)) {
		parts = append(parts, fmt.Sprintf("%s %.2f", name, float64(c[name])/float64(max(n, 1))))
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// label finds a label of a metric.
func label(line, name string) string {
	found := regexp.MustCompile(`[{,]` + name + `="([^"]*)"`).FindStringSubmatch(line)
	if found == nil {
		return ""
	}
	return found[1]
}

// writes returns what was written to the API server by anyone. Leases are left
// out: the API server renews its own, and no manager here elects a leader.
func (s *stack) writes(ctx context.Context) (counts, error) {
	page, err := get(ctx, s.api, s.config.Host+"/metrics")
	if err != nil {
		return nil, fmt.Errorf("read the API server's metrics: %w", err)
	}
	found := counts{}
	for lines := bufio.NewScanner(bytes.NewReader(page)); lines.Scan(); {
		line := lines.Text()
		if !strings.HasPrefix(line, "apiserver_request_total{") {
			continue
		}
		verb, resource := label(line, "verb"), label(line, "resource")
		if !slices.Contains([]string{"POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"}, verb) || resource == "leases" {
			continue
		}
		if sub := label(line, "subresource"); sub != "" {
			resource += "/" + sub
		}
		if code := label(line, "code"); !strings.HasPrefix(code, "2") {
			resource += " (" + code + ")"
		}
		value, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			return nil, err
		}
		found[verb+" "+resource] += int(value)
	}
	return found, nil
}

// calls returns the calls of the service by operation.
func (s *stack) calls(ctx context.Context) (counts, error) {
	page, err := get(ctx, http.DefaultClient, s.control+"/calls")
	if err != nil {
		return nil, err
	}
	found := counts{}
	return found, json.Unmarshal(page, &found)
}

// starts returns how many starts the service accepted of each data set.
func (s *stack) starts(ctx context.Context) (counts, error) {
	page, err := get(ctx, http.DefaultClient, s.control+"/ledger")
	if err != nil {
		return nil, err
	}
	accepted := counts{}
	for decoder := json.NewDecoder(bytes.NewReader(page)); decoder.More(); {
		var entry struct{ Dataset, Verdict string }
		if err := decoder.Decode(&entry); err != nil {
			return nil, err
		}
		if entry.Verdict == "accepted" {
			accepted[entry.Dataset]++
		}
	}
	return accepted, nil
}
