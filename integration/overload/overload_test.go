package main

import (
	"os"
	"testing"

	"github.com/weir-kafka/weir/integration/overload/trial"
)

func TestMain(m *testing.M) {
	if trial.Role(subject()) {
		return
	}
	os.Exit(m.Run())
}

func TestDoorKeepsAnHTTPServerWorkingUnderTenTimesItsLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds of real load")
	}
	trial.Check(t, subject())
}
