package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// definition is the part of a CRD that the page is made of.
type definition struct {
	Spec struct {
		Versions []struct {
			Name    string   `json:"name"`
			Columns []column `json:"additionalPrinterColumns"`
			Schema  struct {
				Root *schema `json:"openAPIV3Schema"`
			} `json:"schema"`
		} `json:"versions"`
	} `json:"spec"`
}

// column is one of kubectl get.
type column struct {
	Name     string `json:"name"`
	Path     string `json:"jsonPath"`
	Priority int    `json:"priority"`
}

// schema is the part of an OpenAPI schema that the CRD uses.
type schema struct {
	Description string             `json:"description"`
	Type        string             `json:"type"`
	Format      string             `json:"format"`
	Pattern     string             `json:"pattern"`
	Enum        []string           `json:"enum"`
	Default     json.RawMessage    `json:"default"`
	MinLength   *int64             `json:"minLength"`
	MaxLength   *int64             `json:"maxLength"`
	Minimum     *int64             `json:"minimum"`
	Maximum     *int64             `json:"maximum"`
	MaxItems    *int64             `json:"maxItems"`
	Required    []string           `json:"required"`
	Properties  map[string]*schema `json:"properties"`
	Items       *schema            `json:"items"`
	Rules       []struct {
		Message string `json:"message"`
	} `json:"x-kubernetes-validations"`
}

// parse reads a CRD that has one version.
func parse(crd []byte) (columns []column, root *schema, err error) {
	var d definition
	if err := yaml.Unmarshal(crd, &d); err != nil {
		return nil, nil, err
	}
	if len(d.Spec.Versions) != 1 || d.Spec.Versions[0].Schema.Root == nil {
		return nil, nil, errors.New("want one version with a schema")
	}
	return d.Spec.Versions[0].Columns, d.Spec.Versions[0].Schema.Root, nil
}

// kind is the type of a field in a word or two.
func (s *schema) kind() string {
	switch {
	case s.Type == "array" && s.Items != nil:
		return "list of " + s.Items.kind() + "s"
	case s.Format == "date-time":
		return "time"
	default:
		return s.Type
	}
}

// limits says what admission takes, and what it fills in.
func (s *schema) limits() string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if text := bounds(s.MinLength, s.MaxLength); text != "" {
		add("%s characters", text)
	}
	if text := bounds(s.Minimum, s.Maximum); text != "" {
		add("%s", text)
	}
	if s.MaxItems != nil {
		add("at most %d", *s.MaxItems)
	}
	if len(s.Enum) > 0 {
		add("`%s`", strings.Join(s.Enum, "`, `"))
	}
	if s.Pattern != "" {
		add("`%s`", s.Pattern)
	}
	if len(s.Default) > 0 {
		add("default `%s`", s.Default)
	}
	return strings.Join(parts, "; ")
}

// bounds tells a range, of which either end may be open.
func bounds(low, high *int64) string {
	switch {
	case low != nil && high != nil && *low == *high:
		return fmt.Sprint(*low)
	case low != nil && high != nil:
		return fmt.Sprintf("%d to %d", *low, *high)
	case low != nil:
		return fmt.Sprintf("at least %d", *low)
	case high != nil:
		return fmt.Sprintf("at most %d", *high)
	default:
		return ""
	}
}

// object returns the schema whose properties a field has, nil if it has none.
func (s *schema) object() *schema {
	if s.Type == "array" {
		s = s.Items
	}
	if s == nil || len(s.Properties) == 0 {
		return nil
	}
	return s
}

// requires tells whether a property has to be there.
func (s *schema) requires(name string) bool { return slices.Contains(s.Required, name) }
