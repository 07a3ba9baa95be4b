package simulator

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"net/http"
	"strings"
)

// bodyKinds are the faults whose body or head is not fit to be read.
func bodyKinds() []kind {
	takesStatus := []string{"applied", "status"}
	takesSize := []string{"applied", "status", "size"}
	return []kind{
		{
			name: "empty", help: "status (200) and no body",
			takes: takesStatus, effect: effectAsked, answer: emptyBody,
		},
		{
			name: "html", help: "status (200) with a page in HTML, as proxies and portals send it",
			takes: takesStatus, effect: effectAsked, answer: htmlBody,
		},
		{
			name: "truncated", help: "the answer's JSON stops in the middle, and its length says that this is all",
			takes: []string{"applied"}, effect: effectAsked, answer: truncatedBody,
		},
		{
			name: "wrong-types", help: "status (200), each documented member has another JSON type",
			takes: takesStatus, effect: effectAsked, answer: wrongTypesBody,
		},
		{
			name: "deep-nesting", help: "status (200), size (10000) arrays inside each other",
			takes: takesSize, effect: effectAsked, answer: nestedBody,
		},
		{
			name: "control-characters", help: "status (400), code (ModelArts.4362), and a text with terminal escapes, NUL and bytes that are not UTF-8",
			takes: []string{"applied", "status", "code"}, effect: effectAsked, answer: controlCharactersBody,
		},
		{
			name: "huge-body", help: "status (500) with an error text of size (1 MiB) characters",
			takes: takesSize, effect: effectAsked, answer: hugeBody,
		},
		{
			name: "gzip-bomb", help: "status (200), compressed though nobody asked for it, size (256 MiB) when unpacked",
			takes: takesSize, effect: effectAsked, answer: gzipBomb,
		},
		{
			name: "huge-headers", help: "the answer with a header of size (1 MiB) bytes",
			takes: []string{"applied", "size"}, effect: effectAsked,
			answer: func(x *exchange, truth answer) answer {
				return truth.with("X-Padding", strings.Repeat("x", int(cmp.Or(x.fault.Size, 1<<20))))
			},
		},
	}
}

func emptyBody(x *exchange, _ answer) answer {
	return answer{status: cmp.Or(x.fault.Status, http.StatusOK)}
}

func htmlBody(x *exchange, _ answer) answer {
	status := cmp.Or(x.fault.Status, http.StatusOK)
	title := fmt.Sprintf("%d %s", status, http.StatusText(status))
	page := "<html><head><title>" + title + "</title></head><body><h1>" + title + "</h1></body></html>\n"
	return answer{status: status, body: []byte(page)}.with("Content-Type", "text/html")
}

func truncatedBody(_ *exchange, truth answer) answer {
	truth.code = ""
	truth.body = append(truth.body[:len(truth.body)/2:len(truth.body)/2], '"')
	return truth
}

func wrongTypesBody(x *exchange, _ answer) answer {
	const body = `{"task_id":42,"dataset_id":null,"status":["RUNNING"],"add_sample_count":1e300,` +
		`"deleted_sample_count":"-1","total_sample_count":true,"create_time":"yesterday",` +
		`"duration_time":{},"error_code":{"code":1},"error_msg":[7]}`
	return answer{status: cmp.Or(x.fault.Status, http.StatusOK), body: []byte(body)}
}

func nestedBody(x *exchange, _ answer) answer {
	depth := int(cmp.Or(x.fault.Size, 10_000))
	body := `{"task_id":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`
	return answer{status: cmp.Or(x.fault.Status, http.StatusOK), body: []byte(body)}
}

func controlCharactersBody(x *exchange, _ answer) answer {
	code := cmp.Or(x.fault.Code, "ModelArts.4362")
	text := `Import data error \u0000\u001b[31mred\u001b[0m\u202e\r\n` + "\xff\xfe\x00\x07"
	return answer{
		status: cmp.Or(x.fault.Status, http.StatusBadRequest), code: code,
		body: []byte(`{"error_code":"` + code + `","error_msg":"` + text + `"}`),
	}
}

func hugeBody(x *exchange, _ answer) answer {
	return refuse(&refusal{
		cmp.Or(x.fault.Status, http.StatusInternalServerError), "ModelArts.0010",
		strings.Repeat("x", int(cmp.Or(x.fault.Size, 1<<20))),
	}, x.requestID)
}

// gzipBomb packs one block once and repeats it: a reader of gzip joins them.
func gzipBomb(x *exchange, _ answer) answer {
	const block = 1 << 20
	packed := pack(strings.Repeat("0", block))
	blocks := int(cmp.Or(x.fault.Size, 256<<20)) / block
	body := pack(`{"error_msg":"`) + strings.Repeat(packed, max(1, blocks)) + pack(`"}`)
	a := answer{status: cmp.Or(x.fault.Status, http.StatusOK), body: []byte(body)}
	return a.with("Content-Encoding", "gzip")
}

func pack(text string) string {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	// A buffer takes everything.
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return packed.String()
}
