package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"datasetsync.dev/operator/api/v1alpha1"
)

const version = "modelarts.datasetsync.dev/v1alpha1"

const intro = "<!-- Written by go run ./hack/apidocs from the CRD. Do not edit. -->\n\n" +
	"# Every field\n\n" +
	"The fields of a DatasetSync (`" + version + "`), as `kubectl explain dsync --recursive` tells them. You write `spec`; the operator writes `status`, and nothing else of the object. Times are RFC 3339; durations are whole seconds.\n\n" +
	"One annotation belongs to the API as well: every new value of `" + v1alpha1.RequestedAtAnnotation + "` asks for one more sync. [triggers.md](triggers.md) tells when to use it, [conditions.md](conditions.md) what the conditions mean.\n\n"

// render makes the page.
func render(crd []byte) ([]byte, error) {
	columns, root, err := parse(crd)
	if err != nil {
		return nil, err
	}
	p := &page{sections: map[reflect.Type]string{}}
	p.WriteString(intro)
	object := reflect.TypeFor[v1alpha1.DatasetSync]()
	for _, name := range []string{"spec", "status"} {
		field := fieldOf(object, name)
		part := root.Properties[name]
		if part == nil {
			return nil, fmt.Errorf("there is no %s", name)
		}
		p.queue = append(p.queue, section{path: name, about: about(name, part.Description), schema: part, goType: field})
		if err := p.drain(); err != nil {
			return nil, err
		}
	}
	p.columns(columns)
	return []byte(p.String()), nil
}

// page is a page in the making.
type page struct {
	strings.Builder
	// queue is what is still to be told.
	queue []section
	// sections tells where a type is told, so that it is told once.
	sections map[reflect.Type]string
}

// section tells the fields of one object.
type section struct {
	path string
	// about says what the object is, unless the row that leads here does.
	about  string
	schema *schema
	goType reflect.Type
}

// drain tells what is in the queue, and what that leads to.
func (p *page) drain() error {
	for len(p.queue) > 0 {
		next := p.queue[0]
		p.queue = p.queue[1:]
		if err := p.tell(next); err != nil {
			return err
		}
	}
	return nil
}

// tell writes one section. Fields stand in the order of the Go type, which is
// that of their weight.
func (p *page) tell(s section) error {
	level := "##"
	if strings.Contains(s.path, ".") {
		level = "###"
	}
	fmt.Fprintf(p, "%s %s\n\n", level, s.path)
	if s.about != "" {
		fmt.Fprintf(p, "%s\n\n", s.about)
	}
	for _, rule := range s.schema.Rules {
		fmt.Fprintf(p, "Refused: %s.\n\n", rule.Message)
	}
	p.WriteString("| field | type | limits | meaning |\n| --- | --- | --- | --- |\n")
	told := 0
	for _, name := range names(s.goType) {
		field := s.schema.Properties[name]
		if field == nil {
			return fmt.Errorf("%s.%s is a field of the Go type and not of the CRD: make generate", s.path, name)
		}
		if field.Description == "" {
			return fmt.Errorf("%s.%s has no description", s.path, name)
		}
		goType := fieldOf(s.goType, name)
		p.row(s, name, field, goType)
		told++
	}
	if told != len(s.schema.Properties) {
		return fmt.Errorf("%s has %d fields in the CRD and %d in the Go type: make generate", s.path, len(s.schema.Properties), told)
	}
	p.WriteString("\n")
	return nil
}

// row tells one field.
func (p *page) row(s section, name string, field *schema, goType reflect.Type) {
	limits := field.limits()
	if s.schema.requires(name) {
		limits = strings.TrimSuffix("required; "+limits, "; ")
	}
	var meaning strings.Builder
	meaning.WriteString(about(name, field.Description))
	for _, rule := range field.Rules {
		meaning.WriteString(" Refused: " + rule.Message + ".")
	}
	kind := field.kind()
	if object := field.object(); object != nil {
		kind = fmt.Sprintf("[%s](#%s)", kind, p.place(s.path+"."+name, field, goType))
	}
	fmt.Fprintf(p, "| `%s` | %s | %s | %s |\n", name, kind, escape(limits), escape(meaning.String()))
}

// place returns the anchor of the section that tells the fields of a type. A
// type that has none yet gets one.
func (p *page) place(path string, field *schema, goType reflect.Type) string {
	there, ok := p.sections[goType]
	if !ok {
		next := section{path: path, schema: field.object(), goType: goType}
		if field.Type == "array" {
			next.path += "[]"
			next.about = about(goType.Name(), next.schema.Description)
		}
		there = next.path
		p.sections[goType] = there
		p.queue = append(p.queue, next)
	}
	return strings.ToLower(strings.NewReplacer(".", "", "[]", "").Replace(there))
}

// columns tells what kubectl get shows.
func (p *page) columns(columns []column) {
	p.WriteString("## The columns of kubectl get\n\n| column | field | with |\n| --- | --- | --- |\n")
	for _, c := range columns {
		with := "`kubectl get`"
		if c.Priority > 0 {
			with = "`kubectl get -o wide`"
		}
		fmt.Fprintf(p, "| %s | `%s` | %s |\n", strings.ToUpper(c.Name), escape(strings.TrimPrefix(c.Path, ".")), with)
	}
}

// about makes of "name is what it is" what may stand beside the name.
func about(name, description string) string {
	text := strings.Join(strings.Fields(description), " ")
	if rest, ok := strings.CutPrefix(text, name+" "); ok && !strings.HasPrefix(rest, "of ") {
		text = strings.TrimPrefix(strings.TrimPrefix(rest, "is "), "are ")
	}
	if first, _, _ := strings.Cut(text, " "); strings.Contains(strings.TrimRight(first, ".,"), ".") {
		return text // It begins with the path of a field.
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// escape makes a text fit into a cell of a table.
func escape(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// names returns the names of the fields of a Go struct in JSON.
func names(t reflect.Type) []string {
	var all []string
	for _, field := range reflect.VisibleFields(t) {
		all = append(all, jsonName(field))
	}
	return slices.DeleteFunc(all, func(name string) bool { return name == "" || name == "-" })
}

// fieldOf returns the type of a field by its name in JSON, without pointers and
// lists around it, nil if there is none.
func fieldOf(t reflect.Type, name string) reflect.Type {
	for _, field := range reflect.VisibleFields(t) {
		if jsonName(field) != name {
			continue
		}
		found := field.Type
		for found.Kind() == reflect.Pointer || found.Kind() == reflect.Slice {
			found = found.Elem()
		}
		return found
	}
	return nil
}

func jsonName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}
