package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/weir-kafka/weir/cmd/weir/internal/demo"
)

// The demo runs in real time: that is what it shows.
func TestDemoLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	code, out, errs := weir(t, "demo", "--for", "4s", "--output", "json")
	if code != exitOK {
		t.Fatalf("got exit code %d, want 0: %s", code, errs)
	}
	var v demo.Verdict
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if v.Produced == 0 || v.Lost != 0 || v.OutOfOrder != 0 || v.MaxHeldBytes > v.BudgetBytes {
		t.Errorf("got %+v, want something produced, nothing lost, nothing out of order, memory within its budget", v)
	}
	for _, phase := range []string{"normal", "service 10x slower", "service refuses", "service healed", "second member starts", "second member stops"} {
		if !strings.Contains(errs, phase) {
			t.Errorf("the demo does not show %q", phase)
		}
	}
}
