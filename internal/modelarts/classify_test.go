package modelarts

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// listed is one line of testdata/error-codes.tsv, which was taken from the error
// code tables of the ModelArts API reference and of the API gateway, apart from
// errorTable.
type listed struct {
	http        int
	code, class string
}

func readListed(t *testing.T) []listed {
	t.Helper()
	text, err := os.ReadFile("testdata/error-codes.tsv")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	var all []listed
	for _, line := range lines[1:] {
		fields := strings.Split(line, "\t")
		if len(fields) != 3 {
			t.Fatalf("bad line %q", line)
		}
		status, err := strconv.Atoi(fields[0])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, listed{http: status, code: fields[1], class: fields[2]})
	}
	return all
}

func TestEveryListedErrorHasItsClass(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, l := range readListed(t) {
		pair := fmt.Sprintf("%d %s", l.http, l.code)
		if seen[pair] {
			t.Errorf("%s is listed twice", pair)
		}
		seen[pair] = true
		if _, ok := errorTable[pair]; !ok {
			t.Errorf("%s is not in the table", pair)
		}
		if got := Classify(l.http, l.code).String(); got != l.class {
			t.Errorf("%s is %s, want %s", pair, got, l.class)
		}
	}
	for pair := range errorTable {
		if !seen[pair] {
			t.Errorf("%s is in the table, but not listed", pair)
		}
	}
}

func TestTheGatewaysPrefixesAreAlike(t *testing.T) {
	t.Parallel()
	for _, l := range readListed(t) {
		number, ok := strings.CutPrefix(l.code, "APIGW.")
		if !ok {
			continue
		}
		for _, prefix := range []string{"APIG.", "APIC."} {
			if got := Classify(l.http, prefix+number).String(); got != l.class {
				t.Errorf("%d %s is %s, want %s", l.http, prefix+number, got, l.class)
			}
		}
	}
}

func TestATaskIsClassedByItsCodeAlone(t *testing.T) {
	t.Parallel()
	classes := map[string]map[string]bool{}
	for _, l := range readListed(t) {
		if classes[l.code] == nil {
			classes[l.code] = map[string]bool{}
		}
		classes[l.code][l.class] = true
	}
	for code, meanings := range classes {
		want := "transient"
		for class := range meanings {
			if len(meanings) == 1 {
				want = class
			}
		}
		if got := ClassifyTask(code).String(); got != want {
			t.Errorf("%s is %s, want %s", code, got, want)
		}
		if got := Classify(200, code).String(); got != want {
			t.Errorf("in a 2xx, %s is %s, want %s", code, got, want)
		}
	}
}

func TestCodesOfATask(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]Class{
		"ModelArts.4360": ClassTransient,
		"ModelArts.4311": ClassPermanent,
		"ModelArts.4355": ClassBusy,
		"ModelArts.4700": ClassTransient, // 400: no such task; 503: gateway unavailable
		"ModelArts.4106": ClassPermission,
		"APIG.0301":      ClassAuthentication,
		"ModelArts.9999": ClassTransient,
		"4311":           ClassTransient,
		"":               ClassTransient,
	} {
		if got := ClassifyTask(code); got != want {
			t.Errorf("%q is %v, want %v", code, got, want)
		}
	}
}

func TestAnUnlistedPairIsClassedByItsStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]Class{
		0: ClassTransient, 101: ClassTransient, 200: ClassTransient,
		302: ClassPermanent, 308: ClassPermanent,
		400: ClassPermanent, 401: ClassAuthentication, 403: ClassPermission, 404: ClassPermanent,
		405: ClassPermanent, 407: ClassTransient, 408: ClassTransient, 409: ClassTransient,
		413: ClassPermanent, 422: ClassPermanent, 425: ClassTransient, 429: ClassThrottled,
		500: ClassTransient, 501: ClassPermanent, 502: ClassTransient, 503: ClassTransient, 504: ClassTransient,
		599: ClassTransient, 999: ClassTransient,
	} {
		for _, code := range []string{"", "ModelArts.9999", "AS.0001"} {
			if got := Classify(status, code); got != want {
				t.Errorf("%d %q is %v, want %v", status, code, got, want)
			}
		}
	}
	// A listed code with a status that it is not listed with.
	if got := Classify(503, "ModelArts.4352"); got != ClassTransient {
		t.Errorf("503 ModelArts.4352 is %v, want transient", got)
	}
}

func TestClassesAndFatesHaveNames(t *testing.T) {
	t.Parallel()
	got := fmt.Sprint(ClassTransient, ClassThrottled, ClassBusy, ClassAuthentication, ClassPermission, ClassPermanent, Class(9),
		FateUnknown, FateNotSent, FateRefused, Fate(9))
	want := "transient throttled busy authentication permission permanent Class(9) unknown not_sent refused Fate(9)"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
