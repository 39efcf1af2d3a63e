package main

import (
	"testing"

	"github.com/weir-kafka/weir/integration/lab"
	"github.com/weir-kafka/weir/internal/crash"
)

// Some of what make chaos does for every point.
func TestKilledAtACrashPointNothingIsLostOrOutOfOrder(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	bin, err := lab.Build(t.Context(), dir, "-tags", "crashpoints")
	if err != nil {
		t.Fatal(err)
	}
	points := []crash.Point{crash.EffectSent, crash.DeadLetterAcked, crash.MapSent, crash.InDrain}
	once := []shape{{members: 1, crashes: 1, batch: "ndjson"}}
	for _, r := range tryAll(t.Context(), points, once, bin, dir, 1, len(points)) {
		if r.missed(1) {
			t.Errorf("%s: %d hits, want 1; %+v", r.point, r.hits, r.verdict)
		}
	}
}

func TestEveryPointHasAWay(t *testing.T) {
	points := crash.Points()
	if got, want := len(points), 20; got != want {
		t.Errorf("%d points, want %d", got, want)
	}
	for _, p := range points {
		if ways()[p].hits < 1 {
			t.Errorf("no way to %q", p)
		}
	}
	if got, least := wantHits(shapes()), 3; got < least {
		t.Errorf("%d hits a point, want %d", got, least)
	}
}
