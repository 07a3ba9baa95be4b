package cluster

import (
	"fmt"
	"math"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// Schema is what the API server does with an object because of its CRD: it
// drops what is not declared, fills in defaults, and refuses what does not fit.
// It knows as much of OpenAPI as the CRD uses; rules in CEL it does not know,
// all of which are about spec.
type Schema struct {
	Type       string             `json:"type"`
	Format     string             `json:"format"`
	Pattern    string             `json:"pattern"`
	Properties map[string]*Schema `json:"properties"`
	Items      *Schema            `json:"items"`
	Required   []string           `json:"required"`
	Enum       []any              `json:"enum"`
	Default    any                `json:"default"`
	MinLength  *int               `json:"minLength"`
	MaxLength  *int               `json:"maxLength"`
	MaxItems   *int               `json:"maxItems"`
	Minimum    *float64           `json:"minimum"`
	Maximum    *float64           `json:"maximum"`

	pattern *regexp.Regexp
}

// LoadSchema reads the schema of the first version of a CRD from a file.
func LoadSchema(path string) (*Schema, error) {
	text, err := os.ReadFile(path) //nolint:gosec // A file of this repository, named by a test.
	if err != nil {
		return nil, fmt.Errorf("read the CRD: %w", err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema *Schema `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		return nil, fmt.Errorf("read the CRD %s: %w", path, err)
	}
	if len(crd.Spec.Versions) == 0 || crd.Spec.Versions[0].Schema.OpenAPIV3Schema == nil {
		return nil, fmt.Errorf("the CRD %s has no schema", path)
	}
	s := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	s.Properties["metadata"] = nil
	return s, s.compile()
}

// compile prepares the patterns and the numbers of the defaults.
func (s *Schema) compile() error {
	if s == nil {
		return nil
	}
	s.Default = integers(s.Default)
	var err error
	if s.Pattern != "" {
		if s.pattern, err = regexp.Compile(s.Pattern); err != nil {
			return fmt.Errorf("read the CRD: %w", err)
		}
	}
	for _, sub := range s.Properties {
		if err := sub.compile(); err != nil {
			return err
		}
	}
	return s.Items.compile()
}

// integers makes the whole numbers of a value int64, as the API server has
// them.
func integers(value any) any {
	switch v := value.(type) {
	case float64:
		if v == math.Trunc(v) {
			return int64(v)
		}
	case map[string]any:
		for name, sub := range v {
			v[name] = integers(sub)
		}
	}
	return value
}

// fit drops, fills in and judges. It changes the value in place.
func (s *Schema) fit(path *field.Path, value any) field.ErrorList {
	if s == nil {
		return nil
	}
	var errs field.ErrorList
	switch v := value.(type) {
	case map[string]any:
		errs = s.fitObject(path, v)
	case []any:
		errs = s.fitList(path, v)
	case string:
		errs = s.fitText(path, v)
	case int64:
		errs = s.fitNumber(path, float64(v))
	case float64:
		errs = s.fitNumber(path, v)
	case bool:
		errs = s.typed(path, v, "boolean")
	case nil:
		return field.ErrorList{field.Invalid(path, "null", "must be of type "+s.Type)}
	}
	if len(s.Enum) > 0 && !slices.ContainsFunc(s.Enum, func(allowed any) bool { return reflect.DeepEqual(allowed, value) }) {
		errs = append(errs, field.NotSupported(path, value, []string{fmt.Sprint(s.Enum...)}))
	}
	return errs
}

// typed refuses a value of another type than one of those named.
func (s *Schema) typed(path *field.Path, value any, types ...string) field.ErrorList {
	if slices.Contains(types, s.Type) {
		return nil
	}
	return field.ErrorList{field.Invalid(path, value, "must be of type "+s.Type)}
}

func (s *Schema) fitObject(path *field.Path, object map[string]any) field.ErrorList {
	errs := s.typed(path, object, "object")
	for name, sub := range s.Properties {
		if _, there := object[name]; !there && sub != nil && sub.Default != nil {
			object[name] = copied(sub.Default)
		}
	}
	for name, value := range object {
		sub, known := s.Properties[name]
		if !known {
			delete(object, name)
			continue
		}
		errs = append(errs, sub.fit(path.Child(name), value)...)
	}
	for _, name := range s.Required {
		if _, there := object[name]; !there {
			errs = append(errs, field.Required(path.Child(name), ""))
		}
	}
	return errs
}

func (s *Schema) fitList(path *field.Path, list []any) field.ErrorList {
	errs := s.typed(path, list, "array")
	if s.MaxItems != nil && len(list) > *s.MaxItems {
		errs = append(errs, field.TooMany(path, len(list), *s.MaxItems))
	}
	for i, item := range list {
		errs = append(errs, s.Items.fit(path.Index(i), item)...)
	}
	return errs
}

func (s *Schema) fitText(path *field.Path, text string) field.ErrorList {
	errs := s.typed(path, text, "string")
	length := utf8.RuneCountInString(text)
	switch {
	case s.MaxLength != nil && length > *s.MaxLength:
		errs = append(errs, field.TooLong(path, text, *s.MaxLength))
	case s.MinLength != nil && length < *s.MinLength:
		errs = append(errs, field.Invalid(path, text, fmt.Sprintf("should be at least %d chars long", *s.MinLength)))
	case s.pattern != nil && !s.pattern.MatchString(text):
		errs = append(errs, field.Invalid(path, text, "should match "+s.Pattern))
	}
	if s.Format == "date-time" {
		if _, err := time.Parse(time.RFC3339Nano, strings.ToUpper(text)); err != nil {
			errs = append(errs, field.Invalid(path, text, "must be of type date-time"))
		}
	}
	return errs
}

func (s *Schema) fitNumber(path *field.Path, number float64) field.ErrorList {
	errs := s.typed(path, number, "integer", "number")
	switch {
	case s.Minimum != nil && number < *s.Minimum:
		errs = append(errs, field.Invalid(path, number, fmt.Sprintf("should be greater than or equal to %v", *s.Minimum)))
	case s.Maximum != nil && number > *s.Maximum:
		errs = append(errs, field.Invalid(path, number, fmt.Sprintf("should be less than or equal to %v", *s.Maximum)))
	}
	return errs
}

// copied copies what JSON can hold.
func copied(value any) any {
	object, isObject := value.(map[string]any)
	if !isObject {
		return value
	}
	c := make(map[string]any, len(object))
	for name, sub := range object {
		c[name] = copied(sub)
	}
	return c
}
