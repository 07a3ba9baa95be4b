package hostile

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/yaml"
)

// crdFile is what the API server checks a status against.
const crdFile = "../../../config/crd/bases/modelarts.datasetsync.dev_datasetsyncs.yaml"

// schemaOf is the part of an OpenAPI schema that the CRD uses for status.
type schemaOf struct {
	Type                 string               `json:"type"`
	Format               string               `json:"format"`
	Pattern              string               `json:"pattern"`
	Enum                 []string             `json:"enum"`
	MinLength, MaxLength *int                 `json:",omitempty"`
	MaxItems             *int                 `json:"maxItems"`
	Minimum, Maximum     *int64               `json:",omitempty"`
	Required             []string             `json:"required"`
	Properties           map[string]*schemaOf `json:"properties"`
	Items                *schemaOf            `json:"items"`
}

// statusSchema reads the schema of status out of the CRD.
func statusSchema(tb testing.TB) *schemaOf {
	tb.Helper()
	data, err := os.ReadFile(crdFile)
	if err != nil {
		tb.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema schemaOf `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(data, &crd); err != nil {
		tb.Fatal(err)
	}
	status := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"]
	if status == nil || status.Properties["run"] == nil {
		tb.Fatal("the CRD has no schema of status.run")
	}
	return status
}

// check returns the first thing that the schema does not allow.
func (s *schemaOf) check(value any) error {
	switch v := value.(type) {
	case map[string]any:
		return s.checkObject(v)
	case []any:
		if s.MaxItems != nil && len(v) > *s.MaxItems {
			return fmt.Errorf("%d items", len(v))
		}
		for _, item := range v {
			if err := s.Items.check(item); err != nil {
				return err
			}
		}
	case string:
		return s.checkText(v)
	case json.Number:
		n, err := v.Int64()
		if err != nil || (s.Minimum != nil && n < *s.Minimum) || (s.Maximum != nil && n > *s.Maximum) || s.Type != "integer" {
			return fmt.Errorf("the number %s", v)
		}
	case bool:
		if s.Type != "boolean" {
			return fmt.Errorf("%t", v)
		}
	default:
		return fmt.Errorf("%v", v)
	}
	return nil
}

func (s *schemaOf) checkObject(members map[string]any) error {
	for _, name := range s.Required {
		if _, ok := members[name]; !ok {
			return fmt.Errorf("no %s", name)
		}
	}
	for name, value := range members {
		property := s.Properties[name]
		if property == nil {
			return fmt.Errorf("%s is no field", name)
		}
		if err := property.check(value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (s *schemaOf) checkText(text string) error {
	length := utf8.RuneCountInString(text)
	switch {
	case s.Type != "string", s.MinLength != nil && length < *s.MinLength, s.MaxLength != nil && length > *s.MaxLength:
		return fmt.Errorf("%q", text)
	case len(s.Enum) > 0 && !slices.Contains(s.Enum, text):
		return fmt.Errorf("%q is none of %q", text, s.Enum)
	case s.Format == "date-time":
		_, err := time.Parse(time.RFC3339, text)
		return err
	case s.Pattern != "":
		ok, err := regexp.MatchString(s.Pattern, text)
		if err != nil || !ok {
			return fmt.Errorf("%q does not match %s", text, s.Pattern)
		}
	}
	return nil
}

func TestTheSchemaRefusesWhatTheServerWould(t *testing.T) {
	t.Parallel()
	crd := statusSchema(t)
	for name, text := range map[string]string{
		"an unknown field":     `{"phase": "Running"}`,
		"a text too long":      `{"taskState": "` + strings.Repeat("x", 65) + `"}`,
		"a negative count":     `{"samples": {"added": -1}}`,
		"a run without target": `{"run": {"cause": "Created", "requestedTime": "2026-01-01T00:00:00.000000Z"}}`,
		"an unknown cause":     `{"run": {"cause": "Boredom", "requestedTime": "2026-01-01T00:00:00.000000Z", "target": {"projectID": "p", "datasetID": "d", "region": "r"}}}`,
		"no date":              `{"lastSuccessTime": "yesterday"}`,
		"a wrong type":         `{"taskID": 7}`,
	} {
		if crd.check(decode([]byte(text))) == nil {
			t.Errorf("%s is allowed", name)
		}
	}
	for name, text := range map[string]string{
		"the default": `{"observedGeneration": -1}`,
		"a run":       `{"run": {"cause": "Created", "requestedTime": "2026-01-01T00:00:00.000000Z", "target": {"projectID": "p", "datasetID": "d", "region": "r"}}}`,
	} {
		if err := crd.check(decode([]byte(text))); err != nil {
			t.Errorf("%s is refused: %v", name, err)
		}
	}
}
