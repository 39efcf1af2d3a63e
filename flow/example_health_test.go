package flow_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/weir-kafka/weir/flow"
)

func ExampleHealth() {
	var h flow.Health
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", h.ServeLive)
	mux.HandleFunc("GET /readyz", h.ServeReady)
	ask := func() {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
		fmt.Print(w.Code, " ", w.Body)
	}
	ask()
	h.Start()
	ask()
	h.Drain() // serve on for some seconds, and then stop
	ask()
	// Output:
	// 503 starting
	// 200 ok
	// 503 draining
}
