package flow_test

import (
	"fmt"
	"net/http"
	"time"

	"github.com/weir-kafka/weir/flow"
)

func ExampleFormatRetryAfter() {
	half := func() float64 { return 0.5 } // rand.Float64 in earnest
	h := http.Header{}
	h.Set("Retry-After", flow.FormatRetryAfter(10*time.Second, half))
	fmt.Println(h.Get("Retry-After"))

	after, ok := flow.ReadRetryAfter(h, time.Unix(0, 0), half)
	fmt.Println(after, ok)
	// Output:
	// 11
	// 11.55s true
}
