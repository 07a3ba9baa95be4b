package controllers

import (
	"os"
	"testing"

	"sigs.k8s.io/yaml"
)

// fieldSchema is as much of a JSON schema as is checked.
type fieldSchema struct {
	Type                 string
	Format               string
	Description          string
	MaxLength            *int
	MaxItems             *int
	Enum                 []any
	Properties           map[string]fieldSchema
	Items                *fieldSchema
	AdditionalProperties any
}

// check visits a schema and all within it.
func (s *fieldSchema) check(t *testing.T, path string) {
	t.Helper()
	if s.Description == "" {
		t.Errorf("%s has no description: kubectl explain shows none", path)
	}
	switch s.Type {
	case "string":
		if s.MaxLength == nil && len(s.Enum) == 0 && s.Format != "date-time" {
			t.Errorf("%s has no maxLength", path)
		}
	case "array":
		if s.MaxItems == nil {
			t.Errorf("%s has no maxItems", path)
		}
		if s.Items.Description == "" {
			s.Items.Description = s.Description
		}
		s.Items.check(t, path+"[]")
	case "object":
		if s.AdditionalProperties != nil {
			t.Errorf("%s is a free map", path)
		}
		for name, property := range s.Properties {
			property.check(t, path+"."+name)
		}
	case "boolean", "integer":
	default:
		t.Errorf("%s is of type %q", path, s.Type)
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../config/crd/bases/modelarts.datasetsync.dev_datasetsyncs.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct{ OpenAPIV3Schema fieldSchema }
			}
		}
	}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	for _, version := range crd.Spec.Versions {
		for _, part := range []string{"spec", "status"} {
			properties := version.Schema.OpenAPIV3Schema.Properties[part]
			if len(properties.Properties) < 10 {
				t.Fatalf("%s has %d fields: the test reads it wrongly", part, len(properties.Properties))
			}
			properties.check(t, part)
		}
	}
}
