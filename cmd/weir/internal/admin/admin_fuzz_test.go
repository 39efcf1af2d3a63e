package admin_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/weir-kafka/weir/cmd/weir/internal/admin"
	"github.com/weir-kafka/weir/consumer"
)

// FuzzExplainRequest sends whatever is a request, to a pipeline whose texts come
// from elsewhere. GET and HEAD of /explain answer with the report as JSON, all
// of it; no other request does, and none makes the listener fail.
func FuzzExplainRequest(f *testing.F) {
	f.Add([]byte("GET /explain HTTP/1.1\r\nHost: x\r\n\r\n"), "orders")
	f.Add([]byte("HEAD /explain?x=1 HTTP/1.0\r\n\r\n"), "<script>\"\\\x00\xff\u2028")
	f.Add([]byte("POST /explain HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"), "")
	f.Add([]byte("GET /%65xplain/../explain HTTP/1.1\r\nHost: x\r\n\r\n"), "a")
	f.Add([]byte("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"), "a")
	f.Fuzz(func(t *testing.T, raw []byte, text string) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			return
		}
		want := consumer.Report{
			Name: text, State: consumer.StatePaused, Reasons: []string{text, "memory"},
			Partitions: []consumer.PartitionReport{{Topic: text, Partition: 3, Oldest: -1}},
		}
		w := httptest.NewRecorder()
		admin.Handler(source{explain: func() consumer.Report { return want }}, healthy(), registry()).ServeHTTP(w, r)
		if w.Code >= http.StatusInternalServerError {
			t.Fatalf("%s %s: %d %s", r.Method, r.URL, w.Code, w.Body)
		}
		report := strings.HasPrefix(w.Header().Get("Content-Type"), "application/json")
		reads := (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.URL.Path == "/explain"
		if report != reads && !redirects(w.Code) {
			t.Fatalf("%s %s: %d, a report: %t", r.Method, r.URL, w.Code, report)
		}
		if !report {
			return
		}
		var got consumer.Report
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("%v in %q", err, w.Body)
		}
		valid := strings.ToValidUTF8(text, "\ufffd")
		if len(valid) > 0 && got.Name == "" || len(got.Reasons) != 2 || len(got.Partitions) != 1 || got.State != want.State ||
			got.Partitions[0].Partition != 3 || got.Partitions[0].Oldest != -1 {
			t.Fatalf("got %+v, want %+v", got, want)
		}
		if valid == text && (got.Name != text || got.Reasons[0] != text || got.Partitions[0].Topic != text) {
			t.Fatalf("%q became %q, %q and %q", text, got.Name, got.Reasons[0], got.Partitions[0].Topic)
		}
	})
}

func redirects(code int) bool { return code >= 300 && code < 400 }
